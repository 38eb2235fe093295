pluginManagement {
    repositories {
        google()
        mavenCentral()
        gradlePluginPortal()
    }
}

dependencyResolutionManagement {
    repositoriesMode.set(RepositoriesMode.FAIL_ON_PROJECT_REPOS)
    repositories {
        google()
        mavenCentral()
    }
}

rootProject.name = "edgebert-demo"

include(":core")

// The core is of use without the app: a checkout that has only the core still opens.
if (file("app/build.gradle.kts").exists()) {
    include(":app")
}
