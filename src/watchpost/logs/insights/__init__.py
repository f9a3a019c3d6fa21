"""Logs Insights: CloudWatch's query language over log events.

Reading order: `syntax` (what a query is made of), `parser`, `columns` (values of many events at once), `fields` (what
is discovered in JSON messages), `table`, `expressions`, `functions` and `aggregates`, `evaluate`.
"""
