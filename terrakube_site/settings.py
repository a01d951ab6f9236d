"""Django's settings, read from the environment; with nothing set they are the embedded default of one machine."""

import datetime as dt
import os
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured
from django.templatetags.static import static

from terrakube_site import client_address, env, keys
from terrakube_site.browser_policy import content_security_policy
from terrakube_site.databases import database
from terrakube_site.outgoing import addresses
from terrakube_site.task_queue import q_cluster

BASE_DIR = Path(__file__).resolve().parent.parent
_environ = os.environ

try:
    DATA_DIR: Path = env.path(_environ, "TERRAKUBE_DATA_DIR", BASE_DIR / "var")
    DEBUG: bool = env.flag(_environ, "TERRAKUBE_DEBUG", False)
    PUBLIC_URL: str = env.url(_environ, "TerrakubeApiUrl", "http://127.0.0.1:8000")
    _hosts = ("localhost", "127.0.0.1", "[::1]", urlsplit(PUBLIC_URL).hostname or "localhost")
    ALLOWED_HOSTS = list(env.comma_list(_environ, "TERRAKUBE_ALLOWED_HOSTS", _hosts))
    CSRF_TRUSTED_ORIGINS = list(env.comma_list(_environ, "TERRAKUBE_TRUSTED_ORIGINS", ()))
    OIDC_ISSUER: str = env.url(_environ, "DexIssuerUri", "")
    OIDC_CLIENT_ID: str = env.text(_environ, "DexClientId", "")
    # A client without a secret is a public one, as Terrakube's own is in Dex.
    OIDC_CLIENT_SECRET: str = env.secret(_environ, "TERRAKUBE_OIDC_CLIENT_SECRET", "")
    OIDC_NAME: str = env.text(_environ, "TERRAKUBE_OIDC_NAME", "OpenID Connect")
    OIDC_SCOPES = env.comma_list(_environ, "TERRAKUBE_OIDC_SCOPES", ("openid", "profile", "email", "groups"))
    SESSION_COOKIE_AGE = env.seconds(_environ, "TERRAKUBE_SESSION_AGE", 12 * 3600, minimum=300)
    ADMIN_GROUP: str = env.text(_environ, "TERRAKUBE_ADMIN_GROUP", "TERRAKUBE_ADMIN")
    MAX_SOURCE_BYTES = 2**20 * env.integer(_environ, "TERRAKUBE_MAX_SOURCE_MIB", 64, minimum=1)
    METRICS_TOKEN: str | None = env.secret(_environ, "TERRAKUBE_METRICS_TOKEN", None, minimum_length=16)
    LOG_LEVEL: str = env.choice(_environ, "TERRAKUBE_LOG_LEVEL", "INFO", ("DEBUG", "INFO", "WARNING", "ERROR"))
    LOG_FORMAT: str = env.choice(_environ, "TERRAKUBE_LOG_FORMAT", "plain", ("plain", "json"))
    SECURE_COOKIES: bool = env.flag(_environ, "TERRAKUBE_SECURE_COOKIES", PUBLIC_URL.startswith("https://"))
    DATABASES = {"default": database(_environ, DATA_DIR)}
    Q_CLUSTER = q_cluster(_environ)
    TRUSTED_PROXIES = client_address.read_trusted(_environ)
    LOCKOUT_FAILURES = env.integer(_environ, "TERRAKUBE_LOCKOUT_FAILURES", 5, minimum=1, maximum=1000)
    LOCKOUT_MINUTES = env.integer(_environ, "TERRAKUBE_LOCKOUT_MINUTES", 15, minimum=1, maximum=1440)
    OUTGOING_ALLOWED = addresses.read_allowed(_environ)
    # What the built-in rules of workspaces.ephemeral.built_in go by; None is any.
    EPHEMERAL_SERVICE_ACCOUNTS: tuple[str, ...] | None = env.comma_list(
        _environ, "ExecutorEphemeralServiceAccounts", None
    )
    EPHEMERAL_CLAIMS: tuple[str, ...] | None = env.comma_list(_environ, "ExecutorEphemeralClaims", None)
    EPHEMERAL_ALLOW_ROOT: bool = env.flag(_environ, "ExecutorEphemeralAllowRoot", False)
    EXECUTOR_LOCAL: str = env.choice(_environ, "ExecutorLocal", "auto", ("auto", "yes", "no"))
    STATIC_ROOT: Path | None = env.path(_environ, "TERRAKUBE_STATIC_ROOT", None)
    _given_keys: dict[str, str | tuple[str, ...] | None] = {
        "TERRAKUBE_SECRET_KEY": env.secret(_environ, "TERRAKUBE_SECRET_KEY", None, minimum_length=32),
        "TERRAKUBE_ENCRYPTION_KEYS": env.comma_list(_environ, "TERRAKUBE_ENCRYPTION_KEYS", ()),
        "InternalSecret": env.secret(_environ, "InternalSecret", None, minimum_length=32),
        "PatSecret": env.secret(_environ, "PatSecret", None, minimum_length=32),
    }
    # What people reach by https is no trial on somebody's own machine any more.
    PRODUCTION: bool = env.flag(_environ, "TERRAKUBE_PRODUCTION", PUBLIC_URL.startswith("https://"))
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
    SECRET_KEY_FALLBACKS = list(env.comma_list(_environ, "TERRAKUBE_OLD_SECRET_KEYS", ()))
    OLD_INTERNAL_SECRETS = env.comma_list(_environ, "TERRAKUBE_OLD_INTERNAL_SECRETS", ())
    OLD_PAT_SECRETS = env.comma_list(_environ, "TERRAKUBE_OLD_PAT_SECRETS", ())
    HSTS_SECONDS = env.seconds(_environ, "TERRAKUBE_HSTS_SECONDS", 365 * 86400 if SECURE_COOKIES else 0, minimum=0)
except env.SettingError as error:
    raise ImproperlyConfigured(str(error)) from error

SECRET_KEY = KEYS.secret_key
ENCRYPTION_KEYS = KEYS.encryption_keys
INTERNAL_SECRET = KEYS.internal_secret
PAT_SECRET = KEYS.pat_secret

INSTALLED_APPS = [
    "terrakube_site.apps.TerrakubeSiteConfig",
    "workspaces",
    "executors",
    "unfold",
    "unfold.contrib.filters",
    "django.contrib.admin",
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
    "rest_framework_json_api",
]
MIDDLEWARE = [
    "terrakube_site.request_ids.request_ids",
    "django.middleware.security.SecurityMiddleware",
    "terrakube_site.nul.without_nul",
    "terrakube_site.browser_policy.browser_policy",
    "csp.middleware.CSPMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "terrakube_site.language.PanelLanguage",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "auditlog.middleware.AuditlogMiddleware",
    "axes.middleware.AxesMiddleware",
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
FORM_RENDERER = "terrakube_site.widgets.Renderer"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]
# Repeated failures lock out a user name together with an address, so that nobody can lock out somebody else.
AXES_FAILURE_LIMIT = LOCKOUT_FAILURES
AXES_COOLOFF_TIME = dt.timedelta(minutes=LOCKOUT_MINUTES)
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_CLIENT_IP_CALLABLE = "terrakube_site.client_address.network_of_client"
AXES_USERNAME_CALLABLE = "workspaces.sign_in.lockout.name_of_attempt"
AXES_LOCKOUT_CALLABLE = "workspaces.sign_in.lockout.refused"
AXES_DISABLE_ACCESS_LOG = True
AXES_ENABLE_ADMIN = False
AXES_VERBOSE = False
LOGIN_URL = "admin:login"
CSRF_FAILURE_VIEW = "terrakube_site.error_pages.form_refused"
LOGIN_REDIRECT_URL = "admin:index"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("de", "Deutsch")]
LOCALE_PATHS = [BASE_DIR / "locale"]
TIME_ZONE = "UTC"
USE_I18N = True
USE_TZ = True
FORMAT_MODULE_PATH = ["terrakube_site.formats"]

STATIC_URL = "static/"
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
    "EXCEPTION_HANDLER": "terrakube_site.api_errors.exception_handler",
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

UNFOLD = {
    "SITE_TITLE": "Terrakube Site",
    "SITE_HEADER": "Terrakube Site",
    "SITE_URL": None,
    "SITE_SYMBOL": "deployed_code",
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
    "SHOW_LANGUAGES": True,
    "STYLES": [lambda request: static("terrakube/colors.css"), lambda request: static("terrakube/panel.css")],
    "SCRIPTS": [lambda request: static("terrakube/expressions.js"), lambda request: static("terrakube/panel.js")],
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": lambda request: static("terrakube/favicon.svg")},
    ],
    "LOGIN": {"image": None, "redirect_after": None, "form": "workspaces.forms.sign_in.SignInForm"},
    # The colours are in a style sheet: unfold would write them into each page.
    "GLOBAL_CALLBACK": "terrakube_site.navigation.frame",
    "SIDEBAR": {"show_search": False, "navigation": "terrakube_site.navigation.sidebar"},
    "DASHBOARD_CALLBACK": "executors.dashboard.dashboard",
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
        "executors": {"level": LOG_LEVEL},
        "terrakube_site": {"level": LOG_LEVEL},
    },
}
