const SHOWN = 40;

/**
 * Replays the golden texts: do the same ids and outputs come out here that came out where the bundle was made?
 *
 * @param {object} test
 * @param {{texts: string[], windows: {inputIds: number[], offsets: ?number[][], outputs: object}[]}[]} test.golden what
 *   must come out
 * @param {number} test.tolerance largest difference of a number that counts as the same model
 * @param {(texts: string[]) => {ids: number[], characters: number[][]}[]} test.windows makes inputs of texts
 * @param {(ids: number[]) => Promise<object>} test.run makes outputs of ids, by name
 * @param {(done: number) => void} [test.report] is told how many texts are done
 * @returns {Promise<{texts: number, maxDifference: number, problems: string[]}>} it passed if there are no problems
 */
export async function runSelfTest({ golden, tolerance, windows, run, report = () => {} }) {
  const problems = [];
  const answered = [];
  let maxDifference = 0;
  for (const [index, item] of golden.entries()) {
    const encodings = windows(item.texts);
    const differing = differingWindows(item, encodings);
    if (differing) {
      // Other ids give other outputs; saying so again would hide the reason.
      problems.push(differing);
    } else {
      for (const { inputIds, outputs } of item.windows) {
        const found = await run(inputIds);
        for (const [name, expected] of Object.entries(outputs)) {
          const numbers = Array.from(found[name] ?? []);
          const difference = largestDifference(expected, numbers);
          maxDifference = Math.max(maxDifference, difference);
          answered.push({ name, expected, numbers });
          if (!(difference <= tolerance)) {
            const apart = `${shortList(numbers)} instead of ${shortList(expected)}`;
            problems.push(`${sentence(name)} of ${quoted(item)} are ${apart}, more than ${tolerance} apart.`);
          }
        }
      }
    }
    report(index + 1);
  }
  const names = [...new Set(answered.map(({ name }) => name))];
  const byName = names.map((name) => answered.filter((each) => each.name === name));
  // With coarse weights the tolerance can be wide enough for a file that answers every text alike.
  if (byName.length > 0 && byName.every(areAlike) && !areCollapsed(byName)) {
    problems.push(`The model gives the same ${names.join(" and ")} for every text.`);
  }
  return { texts: golden.length, maxDifference, problems };
}

function differingWindows(item, encodings) {
  if (encodings.length !== item.windows.length) {
    return `${quoted(item)} is read in ${encodings.length} windows instead of ${item.windows.length}.`;
  }
  const found = item.windows.map((window, index) => differing(item, window, encodings[index]));
  return found.find((words) => words !== "") ?? "";
}

function differing(item, { inputIds, offsets }, { ids, characters }) {
  const place = firstDifference(inputIds, ids, (one, other) => one === other);
  if (place >= 0) {
    const [found, expected] = [ids[place] ?? "the end", inputIds[place] ?? "the end"];
    return `Ids of ${quoted(item)} differ from place ${place} on: ${found} instead of ${expected}.`;
  }
  const token = offsets && firstDifference(offsets, characters, (one, other) => one?.join() === other?.join());
  if (offsets && token >= 0) {
    const words = `[${characters[token] ?? ""}] instead of [${offsets[token] ?? ""}]`;
    return `Offsets of ${quoted(item)} differ at place ${token}: ${words}.`;
  }
  return "";
}

/** Returns the first place at which two lists differ, or -1. */
function firstDifference(expected, found, areEqual) {
  const length = Math.max(expected.length, found.length);
  return Array.from({ length }).findIndex((_, place) => !areEqual(expected[place], found[place]));
}

/** Returns the largest difference of two lists of numbers; infinite if they have no difference that is a number. */
function largestDifference(expected, found) {
  if (expected.length !== found.length) {
    return Infinity;
  }
  return expected.reduce((most, number, index) => {
    const difference = Math.abs(found[index] - number);
    return Number.isNaN(difference) ? Infinity : Math.max(most, difference);
  }, 0);
}

/** Returns how many numbers all inputs have: those of the tokens that the shortest one has. */
function common(rows) {
  return Math.min(...rows.map(({ expected }) => expected.length));
}

function areAlike(rows) {
  const shared = common(rows);
  const [{ numbers: first }] = rows;
  return rows.length > 1 && rows.every(({ numbers }) => first.slice(0, shared).every((each, at) => each === numbers[at]));
}

/** Tells whether the model itself answers every text alike, up to rounding in float32. */
function areCollapsed(byName) {
  let spread = 0;
  let largest = 0;
  for (const rows of byName) {
    for (let column = 0; column < common(rows); column++) {
      const numbers = rows.map(({ expected }) => expected[column]);
      spread = Math.max(spread, Math.max(...numbers) - Math.min(...numbers));
      largest = Math.max(largest, ...numbers.map(Math.abs));
    }
  }
  return spread <= Math.max(1e-4, 2e-5 * largest);
}

function sentence(name) {
  return name.charAt(0).toUpperCase() + name.slice(1);
}

function shortList(numbers) {
  const words = numbers.slice(0, 4).map((number) => Number(number).toPrecision(4));
  return `[${words.join(", ")}${numbers.length > 4 ? ", ..." : ""}]`;
}

function quoted({ texts }) {
  const characters = Array.from(texts.at(-1));
  return `"${characters.slice(0, SHOWN).join("")}${characters.length > SHOWN ? "..." : ""}"`;
}
