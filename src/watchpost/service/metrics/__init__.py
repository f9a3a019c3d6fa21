"""Metrics: taken in durably, folded into chunks, read by windows and queries; bands and dashboards."""
