package io.edgebert.demo;

import android.content.Context;
import io.edgebert.core.EdgebertException;

/** Errors in the words of the app. */
final class Messages {
  private Messages() {}

  /** Returns what to tell the user: what is wrong and what to do, then the details. */
  static String of(Context context, EdgebertException error) {
    if (error.kind() == EdgebertException.Kind.EMPTY_TEXT) {
      return context.getString(R.string.error_empty_text);
    }
    return context.getString(resource(error.kind())) + "\n" + context.getString(R.string.error_details, error.getMessage());
  }

  private static int resource(EdgebertException.Kind kind) {
    switch (kind) {
      case MISSING_FILE:
        return R.string.error_missing_file;
      case DAMAGED_FILE:
        return R.string.error_damaged_file;
      case NEWER_SCHEMA:
        return R.string.error_newer_schema;
      case UNKNOWN_TASK:
        return R.string.error_unknown_task;
      case LABEL_MISMATCH:
        return R.string.error_label_mismatch;
      case EMPTY_TEXT:
        return R.string.error_empty_text;
      case INVALID_TEXT:
        return R.string.error_invalid_text;
      case BAD_REQUEST:
        return R.string.error_bad_request;
      case NO_SPACE:
        return R.string.error_no_space;
      case RUNTIME_ABSENT:
        return R.string.error_runtime_absent;
      case OUT_OF_MEMORY:
        return R.string.error_out_of_memory;
      case SELF_TEST_FAILED:
        return R.string.error_self_test_failed;
      case CLOSED:
        return R.string.error_closed;
      default:
        return R.string.error_runtime_failure;
    }
  }
}
