"""The SQL backend: one set of tables and one code for SQLite and PostgreSQL.

Reading order: `schema` (tables every chapter shares), `engines` (what differs between the databases), `driver`
(statements past SQLAlchemy), `transaction` (documents, queue and journal in SQL), `writer` (group commit), `store`,
`migrations`. Every other module here holds the tables of one chapter of the service.
"""
