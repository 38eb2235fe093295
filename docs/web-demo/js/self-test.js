const SHOWN = 40;

/**
 * Replays the golden texts: do the same ids and logits come out here that came out where the bundle was made?
 *
 * @param {object} test
 * @param {{text: string, inputIds: number[], logits: number[]}[]} test.golden what must come out
 * @param {number} test.tolerance largest difference of a logit that counts as the same model
 * @param {(text: string) => {ids: number[]}} test.encode makes ids of a text
 * @param {(ids: number[]) => Promise<ArrayLike<number>>} test.run makes logits of ids
 * @param {(done: number) => void} [test.report] is told how many texts are done
 * @returns {Promise<{texts: number, maxDifference: number, problems: string[]}>} it passed if there are no problems
 */
export async function runSelfTest({ golden, tolerance, encode, run, report = () => {} }) {
  const problems = [];
  const answered = [];
  let maxDifference = 0;
  for (const [index, item] of golden.entries()) {
    const differing = differingIds(item, encode(item.text).ids);
    if (differing) {
      // Other ids give other logits; saying so again would hide the reason.
      problems.push(differing);
    } else {
      const logits = Array.from(await run(item.inputIds));
      const difference = largestDifference(item.logits, logits);
      maxDifference = Math.max(maxDifference, difference);
      answered.push({ expected: item.logits, logits });
      if (!(difference <= tolerance)) {
        const apart = `${shortList(logits)} instead of ${shortList(item.logits)}`;
        problems.push(`Logits of ${quoted(item.text)} are ${apart}, more than ${tolerance} apart.`);
      }
    }
    report(index + 1);
  }
  // With coarse weights the tolerance can be wide enough for a file that answers every text alike.
  if (answered.length > 1 && allEqual(answered) && !areCollapsed(answered)) {
    problems.push("The model gives the same logits for every text.");
  }
  return { texts: golden.length, maxDifference, problems };
}

function differingIds({ text, inputIds }, ids) {
  const length = Math.max(inputIds.length, ids.length);
  for (let place = 0; place < length; place++) {
    if (inputIds[place] !== ids[place]) {
      const [found, expected] = [ids[place] ?? "the end", inputIds[place] ?? "the end"];
      return `Ids of ${quoted(text)} differ from place ${place} on: ${found} instead of ${expected}.`;
    }
  }
  return "";
}

/** Returns the largest difference of two rows of logits; infinite if they have no difference that is a number. */
function largestDifference(expected, found) {
  if (expected.length !== found.length) {
    return Infinity;
  }
  return expected.reduce((most, logit, index) => {
    const difference = Math.abs(found[index] - logit);
    return Number.isNaN(difference) ? Infinity : Math.max(most, difference);
  }, 0);
}

function allEqual(rows) {
  return rows.every(({ logits }) => logits.every((logit, index) => logit === rows[0].logits[index]));
}

/** Tells whether the model itself answers every text alike, up to rounding in float32. */
function areCollapsed(rows) {
  const columns = rows[0].expected.map((_, label) => rows.map(({ expected }) => expected[label]));
  const spread = Math.max(...columns.map((column) => Math.max(...column) - Math.min(...column)));
  const largest = Math.max(...columns.flat().map(Math.abs));
  return spread <= Math.max(1e-4, 2e-5 * largest);
}

function shortList(logits) {
  const words = logits.slice(0, 4).map((logit) => Number(logit).toPrecision(4));
  return `[${words.join(", ")}${logits.length > 4 ? ", ..." : ""}]`;
}

function quoted(text) {
  const characters = Array.from(text);
  return `"${characters.slice(0, SHOWN).join("")}${characters.length > SHOWN ? "..." : ""}"`;
}
