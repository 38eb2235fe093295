"""Where a worker can run: this machine, a board by ssh, a phone by adb, an emulated ARM CPU."""
