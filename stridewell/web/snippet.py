"""What a site's operator copies to put the chat on a page, with this version's integrity hash.

Run as ``python -m stridewell.web.snippet https://chat.example.org``.
"""

from __future__ import annotations

import sys

from stridewell.web.pages import Widget

PLAIN = """\
<script src="{site}{path}"
        integrity="{integrity}"
        crossorigin="anonymous" defer></script>"""

WORDPRESS = """\
<?php
/**
 * Plugin Name: Stridewell chat
 */
add_action('wp_enqueue_scripts', function () {{
    wp_enqueue_script('stridewell', '{site}{path}', [], null, true);
}});
add_filter('script_loader_tag', function ($tag, $handle) {{
    if ($handle !== 'stridewell') {{
        return $tag;
    }}
    $more = 'defer crossorigin="anonymous" integrity="{integrity}"';
    return str_replace(' src=', " $more src=", $tag);
}}, 10, 2);"""


def plain_snippet(widget: Widget, site: str) -> str:
    """Return the HTML for any page.

    Args:
        widget: The widget.
        site: Address of this server, such as ``https://chat.example.org``.
    """
    return PLAIN.format(site=site.rstrip("/"), path=widget.path, integrity=widget.integrity)


def wordpress_snippet(widget: Widget, site: str) -> str:
    """Return a plug-in of one file for WordPress; see ``plain_snippet``."""
    return WORDPRESS.format(site=site.rstrip("/"), path=widget.path, integrity=widget.integrity)


def main(arguments: list[str]) -> int:
    """Print both snippets; return the exit status."""
    if len(arguments) != 1 or not arguments[0].startswith(("https://", "http://")):
        print(
            "Say where the chat is served: python -m stridewell.web.snippet "
            "https://chat.example.org",
            file=sys.stderr,
        )
        return 2
    widget = Widget.read()
    print(f"Widget {widget.version}, {widget.integrity}\n\nFor any page:\n")
    print(plain_snippet(widget, arguments[0]))
    print("\nFor WordPress, in wp-content/plugins/stridewell-chat.php:\n")
    print(wordpress_snippet(widget, arguments[0]))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
