"""What no browser sends to the back office is refused, and breaks nothing."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django_celery_beat.models import CrontabSchedule

from tests.whitelist.admin.staff import act, text_of
from whitelist.models import Block, Network, WhitelistEntry

pytestmark = pytest.mark.django_db
CRONTAB = {
    "minute": "5",
    "hour": "4",
    "day_of_month": "*",
    "month_of_year": "*",
    "day_of_week": "*",
    "timezone": "Asia/Taipei",
    # The page lists the tasks of the schedule: none.
    "periodictask_set-TOTAL_FORMS": "0",
    "periodictask_set-INITIAL_FORMS": "0",
}


@pytest.mark.parametrize("selected", ["x", "-1", "1 or 1", "9" * 19, "１"])
@pytest.mark.parametrize(
    ("model", "action"),
    [
        (WhitelistEntry, "end_selected"),
        (Block, "lift_selected"),
        (Network, "delete_selected"),
        (User, "delete_selected"),
    ],
)
def test_a_selected_row_that_is_no_number_is_400(
    rows: None, chief_client: Client, model: type, action: str, selected: str
) -> None:
    assert act(chief_client, model, action, selected).status_code == 400


def test_a_selected_row_that_is_not_there_is_just_not_found(
    rows: None, chief_client: Client
) -> None:
    assert act(chief_client, Block, "lift_selected", "9" * 18).status_code == 200


@pytest.mark.parametrize("value", ["-1", "", "1,-1", "60", "x", "*/0"])
@pytest.mark.parametrize("field", ["minute", "day_of_week"])
def test_a_crontab_that_is_none_is_refused_by_its_form(
    chief_client: Client, field: str, value: str
) -> None:
    url = reverse("admin:django_celery_beat_crontabschedule_add")
    answer = chief_client.post(url, CRONTAB | {field: value})
    assert answer.status_code == 200
    assert field in answer.context["adminform"].form.errors
    assert not CrontabSchedule.objects.exists()


def test_a_crontab_is_stored_and_put_into_words(chief_client: Client) -> None:
    url = reverse("admin:django_celery_beat_crontabschedule_add")
    assert chief_client.post(url, CRONTAB).status_code == 302
    listed = chief_client.get(reverse("admin:django_celery_beat_crontabschedule_changelist"))
    assert "04:05" in text_of(listed)
