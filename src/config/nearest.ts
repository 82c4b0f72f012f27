/** How many letters differ (Levenshtein), two that changed places counting once (Damerau). */
function distance(a: string, b: string): number {
  let before: number[] = []
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const change = (row[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1)
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      const swap = swapped ? (before[j - 2] as number) + 1 : change
      next.push(Math.min(change, swap, (row[j] as number) + 1, (next[j - 1] as number) + 1))
    }
    before = row
    row = next
  }
  return row[b.length] as number
}

/** The word that was probably meant: one that differs in case or in few letters, in the order of its parts, or has it as a part. Undefined: none is near. */
export const nearest = (word: string, words: readonly string[]): string | undefined => closest(word, words, true)

/** The same without parts: for names among which there are many others. */
export const typoOf = (word: string, words: readonly string[]): string | undefined => closest(word, words, false)

function closest(word: string, words: readonly string[], parts: boolean): string | undefined {
  const given = normal(word)
  if (given === '') return undefined
  const ranked = words.map((one) => ({ one, away: away(given, normal(one), parts) })).sort((a, b) => a.away - b.away)
  const first = ranked[0]
  return first !== undefined && first.away < notNear ? first.one : undefined
}

const notNear = 100

/** A third of the letters may differ, three at most; a part of a name is further away than any typo. */
function away(given: string, word: string, parts: boolean): number {
  const letters = distance(given, word)
  if (letters <= Math.min(3, Math.floor(Math.max(given.length, word.length) / 3))) return letters
  if (sorted(given) === sorted(word)) return 4
  const isPart = given.length >= 3 && word.length >= 3 && (word.includes(given) || given.includes(word))
  return parts && isPart ? 5 + Math.abs(word.length - given.length) : notNear
}

const normal = (word: string): string => word.toLowerCase().replaceAll('_', '-')
const sorted = (word: string): string => word.split(/[-.]/).sort().join('-')
