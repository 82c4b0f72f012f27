import { spawn } from 'node:child_process'
import { closeSync, existsSync } from 'node:fs'
import { text } from 'node:stream/consumers'
import { describe, expect, it } from 'vitest'
import { openPty, type Terminal } from './pty.ts'

function inTerminal(script: string): Terminal {
  const { terminal, slaveFd } = openPty()
  terminal.resize(91, 17)
  // As its session's leader, whose end hangs up the terminal.
  spawn('setsid', ['--ctty', 'sh', '-c', script], { stdio: [slaveFd, slaveFd, slaveFd] })
  closeSync(slaveFd)
  return terminal
}

describe.skipIf(!existsSync('/dev/ptmx'))('a pseudoterminal (needs a devpts)', () => {
  it('is a terminal of the size that it was given, and carries what is typed', async () => {
    const terminal = inTerminal('stty -echo size; read line; echo "got $line"')
    terminal.write('some text\n')
    expect(await text(terminal)).toMatch(/17 91\r\n(.*\r\n)?got some text\r\n$/)
  })

  it('loses nothing of what is said last', async () => {
    for (let i = 0; i < 20; i++) expect(await text(inTerminal('seq 2000; echo end'))).toMatch(/\r\n2000\r\nend\r\n$/)
  })

  it('waits for who reads slowly', async () => {
    const terminal = inTerminal('seq 50000')
    let length = 0
    for await (const chunk of terminal as AsyncIterable<Buffer>) {
      length += chunk.length
      if (length % 7 === 0) await new Promise((resolve) => setImmediate(resolve))
    }
    expect(length).toBe(Array.from({ length: 50_000 }, (_, i) => `${i + 1}\r\n`).join('').length)
  })
})
