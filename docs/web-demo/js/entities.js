import { checkCount, numbersOf, softmax } from "./labels.js";

const OUTSIDE = "O";

/** What the prefixes of BIO, BIOES and BILOU stand for. */
const PREFIXES = { B: "B", I: "I", E: "E", L: "E", S: "S", U: "S" };

/**
 * Returns the entities in a text, as the Hub's pipeline finds them.
 *
 * @param {{labels: string[], settings: {aggregation: string}}} meaning label names in the order of the logits; how the
 *   tokens of a word agree on one label: "simple" (they need not), "first", "average" or "max"
 * @param {string} text the text
 * @param {object} encoding its tokens, as the tokenizer gives them
 * @param {object} outputs what the model put out, by name
 * @returns {{text: string, type: string, start: number, end: number, score: number}[]} places in UTF-16 units
 * @throws {Problem} the outputs do not fit the labels, or one of them is no number
 */
export function findEntities({ labels, settings: { aggregation } }, text, encoding, outputs) {
  const logits = numbersOf(outputs, "logits");
  const tokens = encoding.ids.length;
  checkCount(logits, tokens * labels.length, "logits", `${labels.length} labels for each of ${tokens} tokens`);
  const rows = encoding.ids.map((_, token) => softmax(logits.slice(token * labels.length, (token + 1) * labels.length)));
  const tags = labels.map(tagOf);
  const parts = [];
  for (let token = 0, end; token < tokens; token = end) {
    end = token + 1;
    if (encoding.sequences[token] < 0) {
      continue;
    }
    while (aggregation !== "simple" && encoding.words[end] === encoding.words[token]) {
      end += 1;
    }
    const agreed = agree(rows.slice(token, end), aggregation);
    const best = bestOf(agreed);
    const [start, finish] = [encoding.offsets[token][0], encoding.offsets[end - 1][1]];
    parts.push({ tag: tags[best], score: agreed[best], start, end: finish });
  }
  return grouped(parts)
    .filter(([{ tag }]) => tag.type !== OUTSIDE)
    .map((group) => {
      const [start, end] = [group[0].start, group.at(-1).end];
      const score = group.reduce((sum, part) => sum + part.score, 0) / group.length;
      return { text: text.slice(start, end), type: group[0].tag.type, start, end, score };
    });
}

/** Returns what a label says of a token: its type, and how it goes together with the one before it. */
function tagOf(label) {
  const [, prefix, kind] = /^([BIELSU])-(.*)$/su.exec(label) ?? [];
  const type = label.slice(label.indexOf("-") + 1);
  // As in the Hub's pipeline, a label without a prefix goes on with its own type.
  return prefix === undefined ? { type, prefix: "I", kind: label } : { type, prefix: PREFIXES[prefix], kind };
}

function continues(tag, before) {
  return tag.kind === before.kind && "IE".includes(tag.prefix) && "BI".includes(before.prefix);
}

/** Returns the probabilities that the tokens of a word agree on. */
function agree(rows, aggregation) {
  switch (aggregation) {
    case "average":
      return rows[0].map((_, label) => rows.reduce((sum, row) => sum + row[label], 0) / rows.length);
    case "max":
      return rows.reduce((surest, row) => (row[bestOf(row)] > surest[bestOf(surest)] ? row : surest));
    default:
      return rows[0];
  }
}

function bestOf(probabilities) {
  return probabilities.reduce((best, probability, index) => (probability > probabilities[best] ? index : best), 0);
}

/** Returns neighbours that are of one entity together. */
function grouped(parts) {
  const groups = [];
  parts.forEach((part, index) => {
    if (index > 0 && continues(part.tag, parts[index - 1].tag)) {
      groups.at(-1).push(part);
    } else {
      groups.push([part]);
    }
  });
  return groups;
}
