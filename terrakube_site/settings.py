"""Django's settings, read from the environment; with nothing set they are the embedded default of one machine."""

import datetime as dt
import os
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured
from django.templatetags.static import static

from terrakube_site import env, keys, site_settings
from terrakube_site.database import limits
from terrakube_site.database.connection import database
from terrakube_site.http import client_address
from terrakube_site.http.browser_policy import content_security_policy
from terrakube_site.outgoing import addresses
from terrakube_site.task_queue import q_cluster

BASE_DIR = Path(__file__).resolve().parent.parent
_environ = os.environ

try:
    DATA_DIR: Path = site_settings.DATA_DIR.read(_environ)
    DEBUG: bool = site_settings.DEBUG.read(_environ)
    PUBLIC_URL: str = site_settings.PUBLIC_URL.read(_environ)
    DOCUMENTATION_URL: str = site_settings.DOCUMENTATION_URL.read(_environ)
    _hosts = (*site_settings.ALLOWED_HOSTS.default, urlsplit(PUBLIC_URL).hostname or "localhost")
    ALLOWED_HOSTS = list(site_settings.ALLOWED_HOSTS.read_or(_environ, _hosts))
    CSRF_TRUSTED_ORIGINS = list(site_settings.TRUSTED_ORIGINS.read(_environ))
    OIDC_ISSUER: str = site_settings.OIDC_ISSUER.read(_environ)
    OIDC_CLIENT_ID: str = site_settings.OIDC_CLIENT_ID.read(_environ)
    # A client without a secret is a public one, as Terrakube's own is in Dex.
    OIDC_CLIENT_SECRET: str = site_settings.OIDC_CLIENT_SECRET.read(_environ)
    OIDC_NAME: str = site_settings.OIDC_NAME.read(_environ)
    OIDC_SCOPES = site_settings.OIDC_SCOPES.read(_environ)
    SESSION_COOKIE_AGE = site_settings.SESSION_AGE.read(_environ)
    ADMIN_GROUP: str = site_settings.ADMIN_GROUP.read(_environ)
    MAX_SOURCE_BYTES = 2**20 * site_settings.MAX_SOURCE_MIB.read(_environ)
    KEEP_HISTORY_DAYS = site_settings.KEEP_HISTORY_DAYS.read(_environ)
    KEEP_DELIVERY_DAYS = site_settings.KEEP_DELIVERY_DAYS.read(_environ)
    KEEP_PULL_REQUEST_DAYS = site_settings.KEEP_PULL_REQUEST_DAYS.read(_environ)
    DELIVERIES_PER_MINUTE = site_settings.DELIVERIES_PER_MINUTE.read(_environ)
    DELIVERY_BYTES_PER_DAY = 2**20 * site_settings.DELIVERY_MIB_PER_DAY.read(_environ)
    SOURCE_SCHEMES = site_settings.SOURCE_SCHEMES.read(_environ)
    METRICS_TOKEN: str | None = site_settings.METRICS_TOKEN.read(_environ)
    SCHEDULE_TIME_ZONE: str = site_settings.SCHEDULE_TIME_ZONE.read(_environ)
    LOG_LEVEL: str = site_settings.LOG_LEVEL.read(_environ)
    LOG_FORMAT: str = site_settings.LOG_FORMAT.read(_environ)
    SECURE_COOKIES: bool = site_settings.SECURE_COOKIES.read_or(_environ, PUBLIC_URL.startswith("https://"))
    DATABASES = {"default": limits.limited(database(_environ, DATA_DIR), _environ, serving=limits.is_serving(sys.argv))}
    Q_CLUSTER = q_cluster(_environ)
    TRUSTED_PROXIES = client_address.read_trusted(_environ)
    LOCKOUT_FAILURES = site_settings.LOCKOUT_FAILURES.read(_environ)
    LOCKOUT_MINUTES = site_settings.LOCKOUT_MINUTES.read(_environ)
    OUTGOING_ALLOWED = addresses.read_allowed(_environ)
    # What the built-in rules of workspaces.pods.policy.built_in go by; None is any.
    EPHEMERAL_SERVICE_ACCOUNTS: tuple[str, ...] | None = site_settings.SERVICE_ACCOUNTS.read(_environ)
    EPHEMERAL_CLAIMS: tuple[str, ...] | None = site_settings.CLAIMS.read(_environ)
    EPHEMERAL_ALLOW_ROOT: bool = site_settings.ALLOW_ROOT.read(_environ)
    EXECUTOR_LOCAL: str = site_settings.EXECUTOR_LOCAL.read(_environ)
    STATIC_ROOT: Path | None = site_settings.STATIC_ROOT.read(_environ)
    _given_keys: dict[str, str | tuple[str, ...] | None] = {
        "TERRAKUBE_SECRET_KEY": site_settings.SECRET_KEY.read(_environ),
        "TERRAKUBE_ENCRYPTION_KEYS": site_settings.ENCRYPTION_KEYS.read(_environ),
        "InternalSecret": site_settings.INTERNAL_SECRET.read(_environ),
        "PatSecret": site_settings.PAT_SECRET.read(_environ),
    }
    # A site with https is no trial on one machine.
    PRODUCTION: bool = site_settings.PRODUCTION.read_or(_environ, PUBLIC_URL.startswith("https://"))
    if PRODUCTION:
        keys.refuse_unsafe(_given_keys)
        if DEBUG:
            raise env.SettingError("TERRAKUBE_DEBUG", "1", "off in production (TERRAKUBE_PRODUCTION)")
        if "*" in ALLOWED_HOSTS:
            raise env.SettingError(
                "TERRAKUBE_ALLOWED_HOSTS", "*", "the names of this site, not all names, in production"
            )
    KEYS = keys.load(_given_keys, DATA_DIR)
    # What was signed before a rotation stays good for as long as the old secret is named here.
    SECRET_KEY_FALLBACKS = list(site_settings.OLD_SECRET_KEYS.read(_environ))
    OLD_INTERNAL_SECRETS = site_settings.OLD_INTERNAL_SECRETS.read(_environ)
    OLD_PAT_SECRETS = site_settings.OLD_PAT_SECRETS.read(_environ)
    EMAIL_HOST: str = site_settings.EMAIL_HOST.read(_environ)
    EMAIL_PORT = site_settings.EMAIL_PORT.read(_environ)
    EMAIL_HOST_USER: str = site_settings.EMAIL_USER.read(_environ)
    EMAIL_HOST_PASSWORD: str = site_settings.EMAIL_PASSWORD.read(_environ)
    _email_security: str = site_settings.EMAIL_SECURITY.read(_environ)
    DEFAULT_FROM_EMAIL: str = site_settings.EMAIL_FROM.read(_environ)
    EMAIL_DOMAINS = tuple(domain.lower() for domain in site_settings.EMAIL_DOMAINS.read(_environ))
    HSTS_SECONDS = site_settings.HSTS_SECONDS.read_or(_environ, 365 * 86400 if SECURE_COOKIES else 0)
except env.SettingError as error:
    raise ImproperlyConfigured(str(error)) from error

SECRET_KEY = KEYS.secret_key
ENCRYPTION_KEYS = KEYS.encryption_keys
INTERNAL_SECRET = KEYS.internal_secret
PAT_SECRET = KEYS.pat_secret
EMAIL_USE_TLS, EMAIL_USE_SSL = _email_security == "starttls", _email_security == "tls"
EMAIL_TIMEOUT = 15

INSTALLED_APPS = [
    "terrakube_site.apps.TerrakubeSiteConfig",
    "workspaces",
    "vcs",
    "executors",
    "unfold.apps.BasicAppConfig",
    "unfold.contrib.filters",
    "terrakube_site.apps.PanelConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "auditlog",
    "axes",
    "django_q",
    "rest_framework",
]
MIDDLEWARE = [
    "terrakube_site.http.request_ids.request_ids",
    "django.middleware.security.SecurityMiddleware",
    "terrakube_site.http.nul.without_nul",
    "terrakube_site.http.browser_policy.browser_policy",
    "csp.middleware.CSPMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "terrakube_site.language.PanelLanguage",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "executors.runs.live_page.known_viewer",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "auditlog.middleware.AuditlogMiddleware",
    "workspaces.caller.caller_of_request",
    "axes.middleware.AxesMiddleware",
    "terrakube_site.busy.DatabaseBusy",
    "terrakube_site.lost_values.LostValues",
]
ROOT_URLCONF = "terrakube_site.urls"
ASGI_APPLICATION = "terrakube_site.asgi.application"
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
            ]
        },
    }
]
FORM_RENDERER = "terrakube_site.theme.widgets.Renderer"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]
# Repeated failures lock out a user name together with an address, so that one user cannot lock out another.
AXES_FAILURE_LIMIT = LOCKOUT_FAILURES
AXES_COOLOFF_TIME = dt.timedelta(minutes=LOCKOUT_MINUTES)
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_CLIENT_IP_CALLABLE = "terrakube_site.http.client_address.network_of_client"
AXES_USERNAME_CALLABLE = "workspaces.sign_in.lockout.attempted_user_name"
AXES_LOCKOUT_CALLABLE = "workspaces.sign_in.lockout.lockout_page"
AXES_DISABLE_ACCESS_LOG = True
AXES_ENABLE_ADMIN = False
AXES_VERBOSE = False
LOGIN_URL = "admin:login"
CSRF_FAILURE_VIEW = "terrakube_site.error_pages.form_refused"
LOGIN_REDIRECT_URL = "admin:index"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("de", "Deutsch"), ("es", "Español")]
LOCALE_PATHS = [BASE_DIR / "locale"]
TIME_ZONE = "UTC"
USE_I18N = True
USE_TZ = True
FORMAT_MODULE_PATH = ["terrakube_site.formats"]

STATIC_URL = "static/"
STORAGES: dict[str, Any] = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    # What is collected is compressed once, and sent so.
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedStaticFilesStorage"},
}
# Without a folder to collect them in, static files are served from where they lie, so that a checkout just runs.
WHITENOISE_USE_FINDERS = STATIC_ROOT is None
WHITENOISE_AUTOREFRESH = DEBUG

SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_COOKIES
SESSION_COOKIE_HTTPONLY = True
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
# Without TLS browsers do not heed it, and complain of it on every page.
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin" if SECURE_COOKIES else None
X_FRAME_OPTIONS = "SAMEORIGIN"
CONTENT_SECURITY_POLICY = content_security_policy(OIDC_ISSUER)
SECURE_HSTS_SECONDS = HSTS_SECONDS
# People come by https; executors, probes and what scrapes metrics may use the cluster's own network.
SECURE_SSL_REDIRECT = SECURE_COOKIES
SECURE_REDIRECT_EXEMPT = [r"^(?!admin/|sign-in/|doc$|$)"]
# Other names below this host are not ours to promise https for, nor to put on a browser's list for ever.
# And frames are for this site's own pages alone, in which a related record is chosen.
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W019", "security.W021"]
# A workspace's page has eight fields for each of its variables.
DATA_UPLOAD_MAX_NUMBER_FIELDS = 5000
DATA_UPLOAD_MAX_NUMBER_FILES = 4
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if SECURE_COOKIES else None

REST_FRAMEWORK: dict[str, Any] = {
    "EXCEPTION_HANDLER": "workspaces.api.service_errors.exception_handler",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}

SPECTACULAR_SETTINGS: dict[str, Any] = {
    "TITLE": "Terrakube Site",
    "VERSION": "v1",
    "OAS_VERSION": "3.1.0",
    "DESCRIPTION": "Organizations, workspaces, variables and jobs, as Terrakube's clients know them.",
    "POSTPROCESSING_HOOKS": [],
}

AUDITLOG_INCLUDE_ALL_MODELS = False
AUDITLOG_CHANGE_DISPLAY_TRUNCATE_LENGTH = 2000

UNFOLD = {
    "SITE_TITLE": "Terrakube Site",
    "SITE_HEADER": "Terrakube Site",
    "SITE_URL": None,
    "SITE_SYMBOL": "deployed_code",
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
    "SHOW_LANGUAGES": True,
    "STYLES": [
        lambda request: static("terrakube/colors.css"),
        lambda request: static("terrakube/panel.css"),
        lambda request: static("terrakube/search.css"),
    ],
    "SCRIPTS": [
        lambda request: static("terrakube/catalogue.js"),
        lambda request: static("terrakube/alpine.js"),
        lambda request: static("terrakube/scheme.js"),
        lambda request: static("terrakube/times.js"),
        lambda request: static("terrakube/fields.js"),
        lambda request: static("terrakube/lists.js"),
        lambda request: static("terrakube/icons.js"),
        lambda request: static("terrakube/actions.js"),
        lambda request: static("terrakube/search.js"),
        lambda request: static("terrakube/keys.js"),
    ],
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": lambda request: static("terrakube/favicon.svg")},
    ],
    "LOGIN": {"image": None, "redirect_after": None, "form": "workspaces.forms.sign_in.SignInForm"},
    # The colours are in a style sheet: unfold would write them into each page.
    "GLOBAL_CALLBACK": "workspaces.admin.navigation.frame",
    "SIDEBAR": {"show_search": False, "navigation": "workspaces.admin.navigation.sidebar"},
    "DASHBOARD_CALLBACK": "executors.runs.dashboard.dashboard",
}

LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"lines": {"()": "terrakube_site.logs.formatter", "kind": LOG_FORMAT}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "lines"}},
    "root": {"handlers": ["stderr"], "level": "WARNING"},
    "loggers": {
        "django": {"level": "INFO", "handlers": ["stderr"], "propagate": False},
        # A request that a client got wrong is answered, not logged as ours to mend.
        "django.request": {"level": "ERROR"},
        "django-q": {"level": "WARNING", "handlers": ["stderr"], "propagate": False},
        "workspaces": {"level": LOG_LEVEL},
        "vcs": {"level": LOG_LEVEL},
        "executors": {"level": LOG_LEVEL},
        "terrakube_site": {"level": LOG_LEVEL},
    },
}
