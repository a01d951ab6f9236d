"""URLs that the page of a job calls."""

from django.urls import path

from executors.runs import log_views, views

app_name = "runs"
urlpatterns = [
    path("", views.rows, name="rows"),
    path("<int:job_id>/", views.redirect_to_job, name="run"),
    path("<int:job_id>/live", views.live, name="live"),
    path("<int:job_id>/results", views.results, name="results"),
    path("<int:job_id>/plan.txt", views.plan, name="plan"),
    path("<int:job_id>/steps/<uuid:step_id>/log", log_views.log, name="log"),
    path("<int:job_id>/steps/<uuid:step_id>/log.txt", log_views.download, name="download"),
    path("<int:job_id>/steps/<uuid:step_id>/find", log_views.find, name="find"),
    path("<int:job_id>/steps/<uuid:step_id>/events", log_views.events, name="events"),
]
