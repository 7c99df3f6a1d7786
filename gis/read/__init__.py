"""Reading: selections, SQL, pages, tiles, linear referencing and timelines."""
