"""The viewer on a cluster: two nodes, pages on either, and a page whose node goes."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser.conftest import Visit
from tests.browser.lines import line_to
from tests.browser.test_two_pages import BLUE, GREEN, RED, without_reload
from tests.cluster_rig import Cluster, cluster


@pytest.fixture
def pair(_built_viewer: None, tmp_path: Path) -> Iterator[Cluster]:
    """Two nodes."""
    with cluster(tmp_path, 2, "--width", "512", "--height", "512") as made:
        yield made


def test_pages_on_two_nodes(visit: Visit, pair: Cluster) -> None:
    """CLU-60, UI-1: what is painted on one node shows on the other, and is saved."""
    alice, bob = (visit(server=node, place="#100,100,4") for node in pair.nodes)
    alice.choose_colour(RED)
    bob.choose_colour(BLUE)
    alice.drag((90, 90), (110, 90))
    bob.drag((90, 110), (110, 110))
    for page in (alice, bob):
        page.wait_for_pixel(100, 90, RED)
        page.wait_for_pixel(100, 110, BLUE)
        page.wait_until_saved()


def test_a_page_goes_on_at_another_node(visit: Visit, pair: Cluster) -> None:
    """CLU-64: its node is killed while it paints; nothing is lost, and it isn't loaded anew."""
    first, second = pair.nodes
    with line_to(first.port) as line:
        alice = visit(server=line, place="#100,100,4")
        bob = visit(server=second, place="#100,100,4")
        with without_reload(alice, bob):
            alice.choose_colour(RED)
            alice.drag((90, 90), (110, 90))
            bob.wait_for_pixel(100, 90, RED)
            first.kill()
            line.drop()
            alice.choose_colour(GREEN)
            alice.drag((90, 100), (110, 100))
            alice.wait_for_pixel(100, 100, GREEN)
            line.mend(second.port)
            bob.wait_for_pixel(100, 100, GREEN)
            for page in (alice, bob):
                page.wait_until_saved()
                page.wait_for_pixel(100, 90, RED)
