"""The life of jobs and steps: statuses, what blocks them, who may start them, schedules, capacity."""
