"""Who can sign in to the simulated portal."""

from __future__ import annotations

from dataclasses import dataclass

from portal_auth.minting import Member


@dataclass(frozen=True)
class Person:
    """One account: `slug` is its value in forms and URLs, `english` says who it is."""

    slug: str
    member: Member
    status_text: str
    english: str
    admitted: bool


def person(
    slug: str, status_text: str, english: str, admitted: bool, member: Member
) -> tuple[str, Person]:
    return slug, Person(slug, member, status_text, english, admitted)


PEOPLE: dict[str, Person] = dict(
    [
        person(
            "wang", "在職", "Staff, in office", True,
            Member("a0012345", "staff", "一般", "王小明", "電機工程學系", "wang@example.edu.tw"),
        ),
        person(
            "chen", "留職停薪", "Staff, on leave without pay", False,
            Member("a0023456", "staff", "留職停薪", "陳怡君", "人事室", "chen@example.edu.tw"),
        ),
        person(
            "wu", "退休", "Staff, retired", False,
            Member("a0000815", "staff", "退休", "吳文雄", "物理學系"),
        ),
        person(
            "lin", "在學", "Student, enrolled", True,
            Member("113061501", "student", "校", "林志豪", "電機工程學系", "lin@example.edu.tw"),
        ),
        person(
            "lee", "復學", "Student, returned from leave", True,
            Member("111062207", "student", "復", "李佳穎", "資訊工程學系"),
        ),
        person(
            "chang", "畢業", "Student, graduated", False,
            Member("108033110", "student", "畢", "張家豪", "化學系"),
        ),
        person(
            "huang", "休學", "Student, on leave", False,
            Member("112044018", "student", "休", "黃雅婷", "工業工程與工程管理學系"),
        ),
        person(
            "maria", "在職", "Staff, a very long name", True,
            Member(
                "a0034567", "staff", "一般",
                "Maria Alejandra Fernández de la Vega y Montenegro-Echeverría",
                "國際高等教育培訓暨全球合作發展中心 Center for International Higher Education "
                "and Global Cooperation",
            ),
        ),
        person(
            "noname", "在學", "Student, the portal sends no name", True,
            Member("113079902", "student", "校"),
        ),
        person(
            "guest", "訪客", "Guest, a role that is not served", False,
            Member("g990017", "guest", "一般", "訪客甲"),
        ),
    ]
)  # fmt: skip
