package io.edgebert.core;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * DistilBERT's tokenizer: the ids that Hugging Face's tokenizers library gives, to the last one.
 *
 * <p>The rules are in docs/tokenizer.md. A tokenizer never changes and may be used by several threads at once.
 */
public final class WordPieceTokenizer {
  /** Longest word, in code points after normalization, that is spelled with pieces. */
  static final int MAX_WORD = 100;

  private static final String[] SPECIALS = {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"};

  private final Vocabulary vocabulary;
  private final TextSpec spec;
  private final TokenPatterns typed = new TokenPatterns();
  private final TokenPatterns normalized = new TokenPatterns();

  /**
   * Makes a tokenizer.
   *
   * @param vocabulary the tokens
   * @param spec how texts become ids
   * @throws EdgebertException the vocabulary has other ids for special or added tokens than the spec, or two of these
   *     cannot be told apart
   */
  public WordPieceTokenizer(Vocabulary vocabulary, TextSpec spec) throws EdgebertException {
    this.vocabulary = vocabulary;
    this.spec = spec;
    checkSpecial("[PAD]", spec.padId());
    checkSpecial("[CLS]", spec.clsId());
    checkSpecial("[SEP]", spec.sepId());
    checkSpecial("[UNK]", spec.unkId());
    for (String special : SPECIALS) {
      Integer id = vocabulary.id(special);
      if (id != null) {
        typed.add(special.codePoints().toArray(), id);
      }
    }
    for (AddedToken token : spec.addedTokens()) {
      add(token);
    }
  }

  /** Returns the tokens. */
  public Vocabulary vocabulary() {
    return vocabulary;
  }

  /** Returns how texts become ids. */
  public TextSpec spec() {
    return spec;
  }

  /**
   * Returns the ids of a text, cut to the longest input of the model.
   *
   * @throws EdgebertException the text has a lone surrogate
   */
  public Encoding encode(String text) throws EdgebertException {
    return encode(text, spec.maxLength());
  }

  /**
   * Returns the ids of a text.
   *
   * @param text any text, however long
   * @param maxLength most ids to return, the two that frame the text included; at least 2
   * @throws EdgebertException the text has a lone surrogate
   */
  public Encoding encode(String text, int maxLength) throws EdgebertException {
    if (maxLength < 2) {
      throw new EdgebertException(
          EdgebertException.Kind.BAD_REQUEST, "texts cannot be cut to " + maxLength + " tokens; the least is 2");
    }
    return Encoding.of(spec, tokens(text, maxLength - 2));
  }

  /**
   * Returns the inputs for two texts, cut to the longest input of the model.
   *
   * @throws EdgebertException a text has a lone surrogate, or the windows have no room
   */
  public List<Encoding> windows(String first, String second, int stride) throws EdgebertException {
    return windows(first, second, stride, spec.maxLength());
  }

  /**
   * Returns the inputs for two texts: the first one and, window by window, the second.
   *
   * <p>The first text is cut to a third of the input. Each window has as much of the second text as fits; the last one may
   * have less. An empty second text has one window.
   *
   * @param first any text, as a question
   * @param second any text, as the context that answers it
   * @param stride tokens of the second text that a window has in common with the next one
   * @param maxLength most ids of an input, the three that frame the texts included
   * @return at least one input
   * @throws EdgebertException a text has a lone surrogate, or the stride leaves no room to go on
   */
  public List<Encoding> windows(String first, String second, int stride, int maxLength) throws EdgebertException {
    Tokens start = tokens(first, maxLength / 3);
    int room = maxLength - 3 - start.kept();
    if (stride < 0 || stride >= room) {
      throw new EdgebertException(
          EdgebertException.Kind.BAD_REQUEST,
          "windows of " + maxLength + " tokens have room for " + room + " of the second text, which cannot share " + stride);
    }
    Tokens rest = tokens(second, Integer.MAX_VALUE);
    List<Encoding> windows = new ArrayList<>();
    int from = 0;
    while (rest.kept() - from > room) {
      windows.add(Encoding.of(spec, start, rest, from, from + room));
      from += room - stride;
    }
    windows.add(Encoding.of(spec, start, rest, from, rest.kept()));
    return windows;
  }

  private Tokens tokens(String text, int limit) throws EdgebertException {
    int[] positions = positions(text);
    Tokens tokens = new Tokens(positions, limit);
    NormalizedText segment = new NormalizedText(text.length() + 16);
    TextNormalizer normalizer = new TextNormalizer(spec.lowerCase(), segment);
    int place = 0;
    int character = 0;
    while (place < text.length() && !tokens.full()) {
      int code = text.codePointAt(place);
      TokenPatterns.Pattern token = typed.at(text, place, code);
      if (token == null) {
        normalizer.accept(code, character++);
        place += Character.charCount(code);
      } else {
        segment(normalizer, segment, tokens);
        tokens.add(token.id(), character, character + token.length());
        tokens.endWord();
        character += token.length();
        place = positions[character];
      }
    }
    segment(normalizer, segment, tokens);
    return tokens;
  }

  private void checkSpecial(String token, int id) throws EdgebertException {
    Integer found = vocabulary.id(token);
    if (found == null || found != id) {
      throw new EdgebertException(
          EdgebertException.Kind.DAMAGED_FILE,
          "the manifest says that " + token + " has the id " + id + "; "
              + (found == null ? "the vocabulary does not have it" : "in the vocabulary it has " + found));
    }
  }

  private void add(AddedToken token) throws EdgebertException {
    Integer found = vocabulary.id(token.content());
    if (found == null ? token.id() < vocabulary.size() : found != token.id()) {
      throw new EdgebertException(
          EdgebertException.Kind.DAMAGED_FILE,
          "the manifest says that the added token " + token.content() + " has the id " + token.id() + "; in the vocabulary "
              + (found == null ? "that is " + vocabulary.token(token.id()) : "it has " + found));
    }
    int[] codes = token.content().codePoints().toArray();
    if (token.normalized()) {
      NormalizedText pattern = new NormalizedText(codes.length);
      TextNormalizer normalizer = new TextNormalizer(spec.lowerCase(), pattern);
      for (int code : codes) {
        normalizer.accept(code, 0);
      }
      normalizer.finish();
      codes = pattern.codes();
    }
    if (codes.length == 0 || !(token.normalized() ? normalized : typed).add(codes, token.id())) {
      throw new EdgebertException(
          EdgebertException.Kind.DAMAGED_FILE,
          "the manifest has the added token " + token.content()
              + (codes.length == 0 ? ", of which nothing is left when it is normalized" : " twice"));
    }
  }

  /** Adds the tokens of what was normalized since the last call. */
  private void segment(TextNormalizer normalizer, NormalizedText text, Tokens tokens) {
    normalizer.finish();
    int start = 0;
    int place = 0;
    while (place < text.size() && !tokens.full()) {
      TokenPatterns.Pattern token = normalized.at(text, place);
      if (token == null) {
        place++;
      } else {
        words(text, start, place, tokens);
        tokens.add(token.id(), text.origin(place), text.origin(place + token.length() - 1) + 1);
        tokens.endWord();
        place += token.length();
        start = place;
      }
    }
    words(text, start, text.size(), tokens);
    text.clear();
  }

  /** Adds the tokens of the words in a part of a normalized text. */
  private void words(NormalizedText text, int begin, int finish, Tokens tokens) {
    int start = begin;
    while (start < finish && !tokens.full()) {
      int end = start + 1;
      if (text.code(start) == ' ') {
        start = end;
        continue;
      }
      if (!Characters.isPunctuation(text.code(start))) {
        while (end < finish && text.code(end) != ' ' && !Characters.isPunctuation(text.code(end))) {
          end++;
        }
      }
      word(text, start, end, tokens);
      start = end;
    }
  }

  private void word(NormalizedText text, int start, int end, Tokens tokens) {
    int before = tokens.size();
    int place = start;
    while (place < end && end - start <= MAX_WORD) {
      int node = vocabulary.root(place == start);
      int id = -1;
      int pieceEnd = place;
      for (int index = place; index < end; index++) {
        node = vocabulary.next(node, text.code(index));
        if (node < 0) {
          break;
        }
        if (vocabulary.tokenAt(node) >= 0) {
          id = vocabulary.tokenAt(node);
          pieceEnd = index + 1;
        }
      }
      if (id < 0) {
        break;
      }
      tokens.add(id, text.origin(place), text.origin(pieceEnd - 1) + 1);
      place = pieceEnd;
    }
    if (place < end) {
      tokens.shrink(before);
      tokens.add(spec.unkId(), text.origin(start), text.origin(end - 1) + 1);
    }
    tokens.endWord();
  }

  /** Returns where each code point of a text begins, and where the last one ends, in UTF-16 units. */
  private static int[] positions(String text) throws EdgebertException {
    int[] positions = new int[text.length() + 1];
    int size = 0;
    for (int place = 0; place < text.length(); size++) {
      positions[size] = place;
      int code = text.codePointAt(place);
      if (code >= Character.MIN_SURROGATE && code <= Character.MAX_SURROGATE) {
        throw new EdgebertException(
            EdgebertException.Kind.INVALID_TEXT,
            "the text is no valid Unicode: character " + size + " is one half of a pair (a lone surrogate)");
      }
      place += Character.charCount(code);
    }
    positions[size] = text.length();
    return Arrays.copyOf(positions, size + 1);
  }
}
