"""The settings that django-simple-history's own runner of tests has, as a module."""

from runtests import get_default_settings

globals().update(get_default_settings())
