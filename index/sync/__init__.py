"""Articles that follow a source: a folder of files, a feed, a sitemap."""
