"""The databases of a library; alone imports sqlite3, with index.audit and index.maintenance."""
