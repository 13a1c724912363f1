"""The compiled module alone: the shell, the extra extensions and the tests are not used."""

excludedimports = ["apsw.shell", "apsw.tests", "apsw.speedtest", "apsw.bestpractice", "apsw.fts5"]
