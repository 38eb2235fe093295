package io.edgebert.core;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;

/** How a text becomes ids: the {@code text} of a manifest. */
public final class TextSpec {
  private final boolean lowerCase;
  private final int maxLength;
  private final int[] lengths;
  private final int padId;
  private final int clsId;
  private final int sepId;
  private final int unkId;
  private final List<AddedToken> addedTokens;

  /**
   * Makes the spec of a tokenizer without added tokens.
   *
   * @param lowerCase whether texts are lower-cased and lose their accents
   * @param maxLength longest input in tokens, the two that frame it included
   * @param lengths input lengths that a TFLite file has signatures for, ascending
   * @param padId id that fills an input up
   * @param clsId id every input starts with
   * @param sepId id every input ends with
   * @param unkId id of a word that the vocabulary cannot spell
   */
  public TextSpec(boolean lowerCase, int maxLength, int[] lengths, int padId, int clsId, int sepId, int unkId) {
    this(lowerCase, maxLength, lengths, padId, clsId, sepId, unkId, Collections.emptyList());
  }

  /**
   * Makes a spec.
   *
   * @param lowerCase whether texts are lower-cased and lose their accents
   * @param maxLength longest input in tokens, the two that frame it included
   * @param lengths input lengths that a TFLite file has signatures for, ascending
   * @param padId id that fills an input up
   * @param clsId id every input starts with
   * @param sepId id every input ends with
   * @param unkId id of a word that the vocabulary cannot spell
   * @param addedTokens tokens that are taken out of a text before it is split into words
   */
  public TextSpec(
      boolean lowerCase,
      int maxLength,
      int[] lengths,
      int padId,
      int clsId,
      int sepId,
      int unkId,
      List<AddedToken> addedTokens) {
    this.lowerCase = lowerCase;
    this.maxLength = maxLength;
    this.lengths = lengths.clone();
    this.padId = padId;
    this.clsId = clsId;
    this.sepId = sepId;
    this.unkId = unkId;
    this.addedTokens = Collections.unmodifiableList(new ArrayList<>(addedTokens));
  }

  static TextSpec read(JsonObject json) throws EdgebertException {
    int maxLength = json.integer("max_length");
    if (maxLength < 2) {
      throw json.damaged("max_length", "is " + maxLength + ", but the shortest input has 2 tokens");
    }
    int[] lengths = json.integers("lengths");
    json.checkLengths("lengths", lengths);
    List<AddedToken> addedTokens = new ArrayList<>();
    if (json.holds("added_tokens")) { // since schema 3
      for (JsonObject token : json.objects("added_tokens")) {
        addedTokens.add(AddedToken.read(token));
      }
    }
    return new TextSpec(
        json.bool("lower_case"),
        maxLength,
        lengths,
        json.count("pad_id"),
        json.count("cls_id"),
        json.count("sep_id"),
        json.count("unk_id"),
        addedTokens);
  }

  /** Returns whether texts are lower-cased and lose their accents. */
  public boolean lowerCase() {
    return lowerCase;
  }

  /** Returns the longest input in tokens, the two that frame it included. */
  public int maxLength() {
    return maxLength;
  }

  /** Returns the input lengths that a TFLite file has signatures for, ascending. */
  public int[] lengths() {
    return lengths.clone();
  }

  /** Returns the id that fills an input up. */
  public int padId() {
    return padId;
  }

  /** Returns the id every input starts with. */
  public int clsId() {
    return clsId;
  }

  /** Returns the id every input ends with. */
  public int sepId() {
    return sepId;
  }

  /** Returns the id of a word that the vocabulary cannot spell. */
  public int unkId() {
    return unkId;
  }

  /** Returns the tokens that are taken out of a text before it is split into words. */
  public List<AddedToken> addedTokens() {
    return addedTokens;
  }

  @Override
  public String toString() {
    return "TextSpec(lowerCase=" + lowerCase + ", maxLength=" + maxLength + ", lengths=" + Arrays.toString(lengths) + ")";
  }
}
