import { setFlagsFromString } from 'node:v8'

/** Bytecode of callees that V8 may compile into one function, in bytes; its own choice is 920. */
const inlinedBytes = 100

/** As `node --v8-options` has it. */
export const inliningFlag = `--max-inlined-bytecode-size-cumulative=${inlinedBytes}`

/**
 * What V8's optimising compiler does in an agent. Nearly all code becomes hot at the same moment, when everything is planned for the first time, and the compiler's threads take the cores that the work
 * itself needs. Where functions are compiled into each other that takes longer, and the same code is made, thrown away and kept several times. V8 reads the flag at each compilation.
 */
export function boundInlining(): void {
  setFlagsFromString(inliningFlag)
}
