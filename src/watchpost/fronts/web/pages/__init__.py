"""The pages, one a file. The file's name is the page's, and that of its template."""
