import { describe, expect, it } from 'vitest'
import { refusalOfAddress, refusalOfNodePort, refusalsOf } from './refusals.ts'

const refusal = (message: string, subject = 'shop/web:http') => ({ subject, reason: 'Refused', message })

describe('refusalOfAddress', () => {
  it.each([
    ['external IP 203.0.113.9:80/TCP is not translated', '203.0.113.9'],
    ['ClusterIP [fd43::10]:80/TCP is not translated: IPv4 only', 'fd43::10'],
    ['external IP 203.0.113.9 is an address of node node1', '203.0.113.9'],
    ['ClusterIP 10.43.0.9:80/TCP belongs to shop/old:http, which is older', '10.43.0.9'],
    ['source range 203.0.113.0/24; load-balancer IP fd00:0::9, no', 'fd00::9'],
  ])('%s', (message, address) => {
    expect(refusalOfAddress([refusal(message)], address)).toBeDefined()
  })

  it('is about this address, not one that begins like it', () => {
    expect(
      refusalOfAddress([refusal('external IP 203.0.113.90:80/TCP is not translated')], '203.0.113.9'),
    ).toBeUndefined()
    expect(refusalOfAddress([refusal('node port 30080/TCP is taken')], '203.0.113.9')).toBeUndefined()
  })
})

it('refusalOfNodePort finds the node port by its number', () => {
  const refusals = [refusal("node port 30080/TCP is the agent's own")]
  expect(refusalOfNodePort(refusals, 30_080)).toBeDefined()
  expect(refusalOfNodePort(refusals, 3_008)).toBeUndefined()
})

it('refusalsOf are those of one Service port', () => {
  const refusals = [refusal('a'), refusal('b', 'shop/web:'), refusal('c', '@node')]
  expect(refusalsOf(refusals, { service: 'shop/web', port: '' }).map(({ message }) => message)).toEqual(['b'])
})
