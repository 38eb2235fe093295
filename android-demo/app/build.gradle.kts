plugins {
    alias(libs.plugins.android.application)
}

android {
    namespace = "io.edgebert.demo"
    compileSdk = libs.versions.compileSdk.get().toInt()

    defaultConfig {
        applicationId = "io.edgebert.demo"
        minSdk = libs.versions.minSdk.get().toInt()
        targetSdk = libs.versions.targetSdk.get().toInt()
        versionCode = libs.versions.versionCode.get().toInt()
        versionName = libs.versions.versionName.get()
        ndk {
            // Each further ABI adds the runtime once more. For an emulator on a PC: "x86_64".
            abiFilters += "arm64-v8a"
        }
    }

    flavorDimensions += "runtime"
    productFlavors {
        create("onnxruntime") {
            dimension = "runtime"
            isDefault = true
        }
        create("litert") {
            dimension = "runtime"
        }
    }

    buildTypes {
        release {
            // The code is small beside the runtime, and the runtime calls Java from native code, which R8 does not see.
            isMinifyEnabled = false
        }
    }

    androidResources {
        // Uncompressed, a model is copied out by plain reading.
        noCompress += listOf("onnx", "tflite")
    }

    compileOptions {
        sourceCompatibility = JavaVersion.VERSION_1_8
        targetCompatibility = JavaVersion.VERSION_1_8
    }

    packaging {
        jniLibs {
            // Stored and aligned, libraries are mapped from the APK; the bytes are there once.
            useLegacyPackaging = false
        }
    }
}

dependencies {
    implementation(project(":core"))
    "onnxruntimeImplementation"(libs.onnxruntime)
    "litertImplementation"(libs.litert)
}

val manifest = layout.projectDirectory.file("src/main/assets/edgebert/edgebert.json").asFile

val checkModel by tasks.registering {
    description = "Fails when there is no model among the assets."
    val file = manifest
    doLast {
        if (!file.isFile) {
            throw GradleException(
                "no model in app/src/main/assets: run `edgebert embed BUNDLE --android app/src/main/assets` first",
            )
        }
    }
}

tasks.named("preBuild") {
    dependsOn(checkModel)
}
