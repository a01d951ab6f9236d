"""The addresses that the page of a job asks."""

from django.urls import path

from executors import pages

app_name = "runs"
urlpatterns = [
    path("", pages.rows, name="rows"),
    path("<int:job_id>/", pages.run, name="run"),
    path("<int:job_id>/live", pages.live, name="live"),
    path("<int:job_id>/results", pages.results, name="results"),
    path("<int:job_id>/plan.txt", pages.plan, name="plan"),
    path("<int:job_id>/steps/<uuid:step_id>/log", pages.log, name="log"),
    path("<int:job_id>/steps/<uuid:step_id>/log.txt", pages.download, name="download"),
    path("<int:job_id>/steps/<uuid:step_id>/find", pages.find, name="find"),
    path("<int:job_id>/steps/<uuid:step_id>/events", pages.events, name="events"),
]
