/**
 * Where tests by chance begin: always at the same place, so that a version which passed once passes again. `WEFT_TEST_SEED=NUMBER` begins elsewhere,
 * `WEFT_TEST_SEED=random` elsewhere each time; what fails says its seed.
 */
export function testSeed(): number {
  const given = process.env['WEFT_TEST_SEED'] ?? '20261121'
  return given === 'random' ? Math.floor(Math.random() * 2 ** 31) : Number(given)
}
