"""The Android demo without the Android SDK: its APK, checks of it, its parts on a desktop: ``python -m export.apk``."""
