from __future__ import annotations

from edge.engine.embedder import LlamaEmbedder
from edge.packs.pack import Pack
from edge.retrieval.vocabulary import count_chunks, find_related, read_vectors, read_words
from edge.text.words import Stems
from tests.conftest import OpenPack


def test_a_stem_is_counted_by_the_chunks_that_hold_it(pumps: Pack) -> None:
    chunks = [chunk for (chunk,) in pumps.query("SELECT heading || ' ' || text FROM chunk")]
    stems = Stems()
    wanted = {stem: sum(stem in stems.split(chunk) for chunk in chunks) for stem in ("bolt", "valv", "greas")}
    assert count_chunks([pumps], wanted) == wanted
    assert wanted["bolt"] > wanted["greas"] > 0


def test_what_no_chunk_holds_is_counted_zero(pumps: Pack) -> None:
    assert count_chunks([pumps], ["zebra", ""]) == {"zebra": 0, "": 0}
    assert count_chunks([], ["bolt"]) == {"bolt": 0}
    assert count_chunks([pumps], []) == {}


def test_codes_are_counted_in_their_normal_form(pumps: Pack) -> None:
    assert count_chunks([pumps], ["e207"]) == {"e207": 1}


def test_titles_do_not_count_since_they_stand_in_every_row(open_pack: OpenPack) -> None:
    texts = {"a.md": "# Zanussi\n\n## Drum\n\nThe drum turns slowly.\n\n## Door\n\nThe door locks itself."}
    pack = open_pack(texts, toml='[documents."a.md"]\ntitle = "Bosch"\n')
    assert count_chunks([pack], ["bosch"]) == {"bosch": 0}


def test_counts_add_up_over_packs(pumps: Pack) -> None:
    once = count_chunks([pumps], ["bolt"])["bolt"]
    assert count_chunks([pumps, pumps], ["bolt"]) == {"bolt": 2 * once}


def test_the_words_of_a_pack_are_as_written_with_the_chunks_that_hold_them(pumps: Pack) -> None:
    known = read_words(pumps)
    assert known["tightened"] == count_chunks([pumps], ["tighten"])["tighten"]
    assert "tighten" not in known
    assert all(word == word.lower() for word in known)
    assert read_words(pumps) is known


def test_words_that_mean_about_the_same_are_related(pumps_by_meaning: Pack, embedder: LlamaEmbedder) -> None:
    asked = {"lubric": embedder.embed(["lubricate"])[0], "zebra": embedder.embed(["zebra"])[0]}
    found = find_related([pumps_by_meaning], asked)
    assert found["lubric"][0].stem == "greas"
    assert found["lubric"][0].of == "lubric"
    assert 0 < found["lubric"][0].closeness <= 1
    assert list(found["lubric"]) == sorted(found["lubric"], key=lambda other: -other.closeness)
    assert found["zebra"] == []


def test_a_stem_is_not_related_to_itself(pumps_by_meaning: Pack) -> None:
    known = read_vectors([pumps_by_meaning], ["bolt", "zebra"])
    assert set(known) == {"bolt"}
    assert all(other.stem != "bolt" for other in find_related([pumps_by_meaning], known)["bolt"])


def test_a_pack_without_vectors_knows_no_relatives(open_pack: OpenPack) -> None:
    plain = open_pack({"a.md": "# Doors\n\nThe hinge pins of the door are greased."}, embedder=None)
    assert read_vectors([plain], ["door"]) == {}
    assert find_related([plain], {}) == {}
