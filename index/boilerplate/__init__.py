"""Page furniture, found in a text: menus, notices, advertisements and what a site's articles repeat."""
