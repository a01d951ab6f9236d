"""Users, teams, their access to workspaces and projects, and tokens."""

from django.urls import path

from tfe.people import members, team_projects, team_workspaces, teams, tokens, users

_team, _organization = "teams/<str:team_id>", "organizations/<str:organization_name>"
urlpatterns = [
    path("account/details", users.AccountView.as_view()),
    path("users/<str:user_id>", users.UserView.as_view()),
    path("users/<str:user_id>/authentication-tokens", tokens.UserTokensView.as_view()),
    path(f"{_organization}/teams", teams.TeamsView.as_view()),
    path(_team, teams.TeamView.as_view()),
    path(f"{_team}/relationships/users", members.TeamUsersView.as_view()),
    path(f"{_team}/relationships/organization-memberships", members.TeamMembershipsView.as_view()),
    path(f"{_team}/authentication-token", tokens.MainTeamTokenView.as_view()),
    path(f"{_team}/authentication-tokens", tokens.TeamTokensView.as_view()),
    path(f"{_organization}/team-tokens", tokens.OrganizationTeamTokensView.as_view()),
    path("authentication-tokens/<str:token_id>", tokens.TokenView.as_view()),
    path("team-workspaces", team_workspaces.TeamWorkspacesView.as_view()),
    path("team-workspaces/<str:access_id>", team_workspaces.TeamWorkspaceView.as_view()),
    path("team-projects", team_projects.TeamProjectsView.as_view()),
    path("team-projects/<str:project_access_id>", team_projects.TeamProjectView.as_view()),
    path(f"{_organization}/organization-memberships", members.MembershipsView.as_view()),
    path("organization-memberships/<str:membership_id>", members.MembershipView.as_view()),
]
