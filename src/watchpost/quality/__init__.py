"""Model quality: regression, binary and multiclass metrics from mergeable counts."""
