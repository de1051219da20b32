from __future__ import annotations

from django.urls import path

from portal_auth.simulator import views

app_name = "portal_simulator"

urlpatterns = [
    path("", views.sign_in_page, name="home"),
    path("sign-in", views.sign_in, name="sign-in"),
    path("menu", views.menu, name="menu"),
    path("used-ticket", views.used_ticket, name="used-ticket"),
    path("age-session", views.age_session, name="age-session"),
]
