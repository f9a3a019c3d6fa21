"""The pages: what people see of the server in a browser.

```
page          what a page is, a visit, and the family of pages
pages/        FAMILY: one page a file, each with a template of its name in templates/
site          which page a request is for, who may see it, and what every answer carries
gate          hosts, origins, cookies and own paths: what a browser's request must be to be let in
rendering     templates: their filters, and the values every page has
sentences     an alarm's rule and its cause in plain words
series        what an alarm watched over the last hours, with its limits
plot          the same as SVG
monitor_files violations and reports of an execution, out of the object store
```

Everything works without scripts; there are none.
"""
