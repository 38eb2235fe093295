// The modules choose among these; naming them here gives all modules one version.
plugins {
    alias(libs.plugins.android.application) apply false
}
