from __future__ import annotations

from django.urls import path

from portal_auth import views

app_name = "portal_auth"

urlpatterns = [
    path("enter", views.enter, name="enter"),
    path("continue", views.confirm, name="continue"),
    path("leave", views.leave, name="leave"),
    path("signed-out", views.signed_out, name="signed-out"),
]
