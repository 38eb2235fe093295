plugins {
    `java-library`
}

java {
    sourceCompatibility = JavaVersion.VERSION_1_8
    targetCompatibility = JavaVersion.VERSION_1_8
}

tasks.withType<JavaCompile>().configureEach {
    options.encoding = "UTF-8"
    options.release = 8
    // The warning left out says that Java 8 is old; Android's oldest supported version asks for it.
    options.compilerArgs.addAll(listOf("-Xlint:all,-options", "-Werror"))
}
