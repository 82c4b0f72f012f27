import { WeftError } from '../../../../model/error.ts'

/** What came is no SPDY/3.1; the connection is of no more use. */
export const malformed = (what: string): WeftError =>
  new WeftError(`malformed SPDY: ${what}`, { code: 'SPDY_MALFORMED', fault: 'peer' })
