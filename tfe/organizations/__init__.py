"""Organizations, and what the site offers in each."""

from django.urls import path

from tfe.organizations import views

urlpatterns = [
    path("organizations", views.OrganizationsView.as_view()),
    path("organizations/<str:organization_name>", views.OrganizationView.as_view()),
    path("organizations/<str:organization_name>/entitlement-set", views.EntitlementsView.as_view()),
]
