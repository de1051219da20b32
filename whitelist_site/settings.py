"""The one settings file. What differs between machines comes from the environment.

What staff may change while the service runs (term, quota, pause, notices) is not
here: it lives in the database, see `whitelist.models.ServiceSettings`.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from csp.constants import NONE, SELF
from django.utils.translation import gettext_lazy as _

from portal_auth.checks import simulator_conflict
from whitelist_site import logs
from whitelist_site.databases import database_from_url, make_private
from whitelist_site.env import Environment, SettingError, bracketed, sender_domain

BASE_DIR = Path(__file__).resolve().parent.parent
LOOPBACK_URL = "http://127.0.0.1:8000"

try:
    env = Environment(os.environ)
    VAR_DIR = env.own_folder("VAR_DIR", BASE_DIR / "var")
    DEBUG = env.boolean("DEBUG", default=False)
    SECRET_KEY = env.key("SECRET_KEY", VAR_DIR / "secret_key")
    base_url = env.base_url("BASE_URL", LOOPBACK_URL)
    hostname = base_url.hostname or ""
    ALLOWED_HOSTS = env.hosts("ALLOWED_HOSTS", bracketed(hostname))
    DATABASES = {"default": database_from_url(env, VAR_DIR)}
    make_private(DATABASES["default"])
    broker_url = env.broker_url("CELERY_BROKER_URL", VAR_DIR / "broker")
    TRUSTED_PROXIES = env.trusted_proxies("TRUSTED_PROXIES")
    TRUSTED_HOPS = env.integer("TRUSTED_HOPS", 1, least=1, most=8)
    PORTAL_ISSUERS_FILE = env.file("PORTAL_ISSUERS_FILE")
    PORTAL_SIMULATOR = env.boolean("PORTAL_SIMULATOR", default=False)
    PORTAL_SESSION_IDLE_SECONDS = env.integer(
        "PORTAL_SESSION_IDLE_SECONDS", 30 * 60, least=60, most=24 * 3600
    )
    PORTAL_SESSION_ABSOLUTE_SECONDS = env.integer(
        "PORTAL_SESSION_ABSOLUTE_SECONDS", 8 * 3600, least=60, most=24 * 3600
    )
    ACCESS_MAP_DIR = env.folder("ACCESS_MAP_DIR", VAR_DIR / "map")
    ACCESS_MAP_TYPES = env.choices("ACCESS_MAP_TYPES", "lmdb", frozenset({"lmdb", "hash", "cdb"}))
    RELAY_SIGNING_KEY_FILE = env.file("RELAY_SIGNING_KEY_FILE")
    RELAY_SNAPSHOT_SECONDS = env.integer("RELAY_SNAPSHOT_SECONDS", 900, least=60, most=24 * 3600)
    email_url = env.email_url("EMAIL_URL", VAR_DIR / "mail")
    DEFAULT_FROM_EMAIL = env.sender("EMAIL_FROM", f"smtp-whitelist@{sender_domain(hostname)}")
    DNS_KEYS_FILE = env.file("DNS_KEYS_FILE")
    ZONE_FILES_DIR = env.folder("ZONE_FILES_DIR", VAR_DIR / "zones")
    NOTIFY_LISTEN = env.listener("NOTIFY_LISTEN")
    TIME_ZONE = env.zone("TIME_ZONE", "Asia/Taipei")
    conflict = simulator_conflict(PORTAL_SIMULATOR, DEBUG, base_url.scheme, hostname)
    if conflict:
        raise SettingError("PORTAL_SIMULATOR", conflict)
except SettingError as error:
    # One line, no traceback: whoever starts the service must see which and why.
    sys.exit(str(error))

BASE_URL = base_url.geturl().rstrip("/")
HTTPS = base_url.scheme == "https"

INSTALLED_APPS = [
    "whitelist_site.apps.WhitelistAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "axes",
    "captcha",
    "csp",
    "django_celery_beat",
    "django_otp",
    "django_otp.plugins.otp_static",
    "django_otp.plugins.otp_totp",
    "portal_auth",
    "whitelist",
]
if PORTAL_SIMULATOR:
    INSTALLED_APPS.append("portal_auth.simulator")

MIDDLEWARE = [
    # First of all: everything behind it sees one client address, or nothing.
    "whitelist.client_ip.ClientAddressMiddleware",
    # Needs to know whether a trusted proxy speaks; whatever comes later is found by its id.
    "whitelist_site.request_id.RequestIdMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "whitelist_site.nul.RefuseNulMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django_otp.middleware.OTPMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "whitelist_site.urls"
WSGI_APPLICATION = "whitelist_site.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "whitelist.pages.context.service",
            ],
        },
    },
]

# Sign-in of staff (members come from the portal and are no Django users)
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
# Five wrong passwords lock that user name for that address for a quarter of an hour, counted
# from the fifth: trying on meanwhile does not make it longer, the right password ends the count.
AXES_VERBOSE = False  # no line of greeting at every start
AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = 0.25  # hours
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_RESET_ON_SUCCESS = True
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_LOCKOUT_CALLABLE = "whitelist_site.sign_in.locked_out"
AXES_CLIENT_IP_CALLABLE = "whitelist.client_ip.client_address_text"
AXES_SENSITIVE_PARAMETERS = ["otp_token", "csrfmiddlewaretoken"]  # besides the password
AXES_ENABLE_ADMIN = True
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "admin:index"
OTP_TOTP_ISSUER = "SMTP whitelist"

# Sessions: the limits of a member's session (idle, absolute) are kept by portal_auth.sessions;
# the cookie must outlive them, so that a session that timed out can be told from none.
SESSION_COOKIE_AGE = 24 * 3600
SESSION_COOKIE_SECURE = HTTPS
SESSION_COOKIE_NAME = "__Host-session" if HTTPS else "session"
CSRF_COOKIE_SECURE = HTTPS
CSRF_COOKIE_NAME = "__Host-csrf" if HTTPS else "csrf"
CSRF_FAILURE_VIEW = "whitelist.pages.errors.csrf_failure"
CSRF_TRUSTED_ORIGINS = [BASE_URL]
LANGUAGE_COOKIE_SECURE = HTTPS
LANGUAGE_COOKIE_AGE = 365 * 24 * 3600
LANGUAGE_COOKIE_SAMESITE = "Lax"

# Transport. TLS ends at the proxy, which itself redirects http; the address middleware
# keeps X-Forwarded-Proto from trusted proxies only.
SECURE_SSL_REDIRECT = HTTPS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if TRUSTED_PROXIES else None
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = HTTPS
SECURE_HSTS_PRELOAD = HTTPS
# healthz, readyz and metrics are asked by machines inside, the relay by its own token
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$", r"^metrics$"]
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF],
        "media-src": [SELF],
        "font-src": [SELF],
        "connect-src": [SELF],
        "manifest-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    },
}

# Languages
LANGUAGE_CODE = "zh-hant"
LANGUAGES = [("zh-hant", _("Traditional Chinese")), ("en", _("English"))]
# packages/: for the packages that bring no Traditional Chinese of their own
LOCALE_PATHS = [BASE_DIR / "locale", BASE_DIR / "locale" / "packages"]
USE_I18N = True
USE_TZ = True

# Static files: names with a digest, compressed, served by the web process itself
STATIC_URL = "static/"
STATIC_ROOT = VAR_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}

# Captcha: five digits, drawn at twice the size that the page shows, so that they are sharp on
# any display. The package's own 2x picture would be cropped where a size is given.
CAPTCHA_CHALLENGE_FUNCT = "whitelist.pages.captcha.digits_challenge"
CAPTCHA_NOISE_FUNCTIONS = ["whitelist.pages.captcha.noise_lines"]
CAPTCHA_FILTER_FUNCTIONS: list[str] = []
CAPTCHA_LENGTH = 5
CAPTCHA_TIMEOUT = -(-PORTAL_SESSION_ABSOLUTE_SECONDS // 60)  # minutes; as long as any session
CAPTCHA_FONT_SIZE = 76
CAPTCHA_IMAGE_SIZE = (300, 144)
CAPTCHA_LETTER_ROTATION = (-18, 18)
CAPTCHA_BACKGROUND_COLOR = "#ffffff"
CAPTCHA_FOREGROUND_COLOR = "#1d1a24"
CAPTCHA_2X_IMAGE = False
# For who can use neither picture nor sound: a link by e-mail. Its life leaves time for a slow
# mail server. Three an hour: enough for letters that went astray, too few to fill a mailbox.
CONFIRMATION_LINK_MINUTES = 15
CONFIRMATION_LINKS_PER_HOUR = 3

# E-mail, delivered by a worker (whitelist.notices)
EMAIL_TIMEOUT = 20  # seconds
EMAIL_SUBJECT_PREFIX = ""
if email_url.scheme == "file":
    EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    EMAIL_FILE_PATH = unquote(email_url.path)
else:
    EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    EMAIL_HOST = email_url.hostname
    EMAIL_PORT = (
        email_url.port or {"smtp": 25, "smtp+starttls": 587, "smtps": 465}[email_url.scheme]
    )
    EMAIL_HOST_USER = unquote(email_url.username or "")
    EMAIL_HOST_PASSWORD = unquote(email_url.password or "")
    EMAIL_USE_TLS = email_url.scheme == "smtp+starttls"
    EMAIL_USE_SSL = email_url.scheme == "smtps"

# Celery
CELERY_BROKER_URL = broker_url.geturl()
CELERY_BROKER_TRANSPORT_OPTIONS: dict[str, Any] = {
    "socket_connect_timeout": 0.5,
    "socket_timeout": 5,
    # Redis gives a message back after this long; far below the term of an entry, so that
    # a task lost with its worker comes back soon. Tasks can run twice without harm.
    "visibility_timeout": 120,
    "polling_interval": 0.05,
}
if broker_url.scheme == "file":
    CELERY_BROKER_TRANSPORT = "whitelist_site.file_broker:Transport"
    CELERY_BROKER_TRANSPORT_OPTIONS["folder"] = unquote(broker_url.path)
    CELERY_WORKER_ENABLE_REMOTE_CONTROL = False  # a folder carries no broadcasts
CELERY_BROKER_CONNECTION_TIMEOUT = 0.5
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BEAT_SCHEDULER = "whitelist_site.beat:LeaderScheduler"
CELERY_BEAT_MAX_LOOP_INTERVAL = 1
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
# Name and mail servers may be slow: they have a worker of their own, so that no publication waits.
CELERY_TASK_ROUTES = {
    "whitelist.sync_zone": {"queue": "registry"},
    "whitelist.second_opinion": {"queue": "registry"},
    "whitelist.send_notices": {"queue": "registry"},
}
CELERY_TIMEZONE = "UTC"
CELERY_WORKER_HIJACK_ROOT_LOGGER = False

LOGGING = logs.LOGGING
