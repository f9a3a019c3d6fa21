"""Labels that come late: found, matched with the windows they belong to, and these looked at again."""
