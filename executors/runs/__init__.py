"""Pages and downloads of a run: the page of a job, its results, the first page, what clients fetch."""
