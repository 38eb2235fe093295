package io.edgebert.core;

import java.util.ArrayList;
import java.util.List;

/** What a label of token classification says of a token: its type, and how it goes together with the one before it. */
final class Tag {
  /** Prefixes of BIO, BIOES and BILOU, and what each stands for. */
  private static final String PREFIXES = "BIELSU";
  private static final String MEANINGS = "BIEESS";

  /** Type of an entity with this tag. */
  final String type;

  private final char prefix;

  /** What the labels of one entity have in common. */
  private final String kind;

  private Tag(String label) {
    int dash = label.indexOf('-');
    boolean prefixed = dash == 1 && PREFIXES.indexOf(label.charAt(0)) >= 0;
    // As in the Hub's pipeline, a label without a prefix goes on with its own type.
    prefix = prefixed ? MEANINGS.charAt(PREFIXES.indexOf(label.charAt(0))) : 'I';
    kind = prefixed ? label.substring(2) : label;
    type = label.substring(dash + 1);
  }

  /** Returns the tags that labels are, in their order. */
  static List<Tag> of(List<String> labels) {
    List<Tag> tags = new ArrayList<>();
    for (String label : labels) {
      tags.add(new Tag(label));
    }
    return tags;
  }

  /** Returns whether a token with this tag is of the same entity as the one before it. */
  boolean continues(Tag before) {
    boolean open = before.prefix == 'B' || before.prefix == 'I';
    return open && (prefix == 'I' || prefix == 'E') && kind.equals(before.kind);
  }

  /** Returns whether there is an entity at all. */
  boolean isEntity() {
    return !type.equals("O");
  }
}
