"""What page furniture looks like, a line at a time: English, German, French and Spanish.

``rule_of`` takes lines that nothing else can be; ``hint_of`` those that are furniture among furniture
only, such as a date that stands alone.  Where a line stands is for index.boilerplate.detector to know.
"""

import re
from collections.abc import Callable
from functools import lru_cache

from index.boilerplate.patterns import (
    DATE,
    DAY,
    FILLER,
    HOME,
    LABEL,
    MENU,
    NAME,
    NETWORK,
    SHARE_FILLER,
    SHARING,
    TEASER,
    TIME,
)

SENTENCE_END = re.compile(r"[.!?…。！？][\"”’»)\]]*\s*$")
# A site's lines come again with each of its articles.
_REMEMBERED = 4_096

Test = Callable[[str], bool]


def _whole(phrases: str) -> Test:
    """A line that is one of these phrases, one a line, and nothing else."""
    choices = "|".join(line for line in phrases.split("\n") if line)
    return _pattern(rf"^(?:{choices})[\s.:|…»›→]*$")


def _pattern(pattern: str, flags: re.RegexFlag = re.IGNORECASE) -> Test:
    compiled = re.compile(pattern, flags)
    return lambda line: compiled.search(line) is not None


def parts_of(line: str) -> list[str]:
    """Return what a line has between bars, dots, arrows or wide gaps."""
    return [part for part in re.split(r"\s*[|•·\t]\s*", line.strip("|•· \t")) if part]


_in_menu = re.compile(rf"(?:{MENU})", re.IGNORECASE)


_menu_word = re.compile(rf"\b(?:{MENU})(?!\w)|[\s,.|·•-]+", re.IGNORECASE)


def in_menu(words: str) -> bool:
    """Whether words are those of a menu and nothing else: "About us"."""
    return _in_menu.fullmatch(words) is not None


def _menu(line: str) -> bool:
    """ "Home | World | Sport | Contact": short words between bars or wide gaps, some of them a menu's."""
    parts = parts_of(line)
    if len(parts) < 3:
        # Menus whose entries have but one space between them are a menu's words throughout.
        return len(line.split()) >= 3 and _in_menu.match(line) is not None and not _menu_word.sub("", line)
    if SENTENCE_END.search(line) and not re.search(r"u\.s\.$", line, re.IGNORECASE):
        return False
    if any(len(part.split()) > 5 or re.search(r"\d", part) for part in parts):
        return False
    return sum(in_menu(part) for part in parts) >= max(1, len(parts) // 4)


def breadcrumb(line: str) -> bool:
    """ "Home » World » Asia", "date 2023-06-23 Home » Title – Site": begins at Home and goes down."""
    plain = line.replace("\t", " ")
    if re.match(
        rf"(?:(?:date|published|posted|updated)?:?\s*{DATE}\s+)?(?:you are here:?\s*)?(?:{HOME})\s*(?:»|›|‹|>|→|::|/ |[|] \w+ [|] )\s*\S",
        plain,
        re.IGNORECASE,
    ):
        return True
    steps = re.split(r"\s*[»›→]\s*|\s+[>/]\s+", plain)
    short = all(step[:1].isupper() and len(step.split()) <= 3 for step in steps)
    return len(steps) >= 3 and short and not SENTENCE_END.search(plain)


_share_word = re.compile(rf"\b(?:{NETWORK}|{SHARING})(?!\w)", re.IGNORECASE)
_share_filler = re.compile(rf"\b(?:{SHARE_FILLER})(?!\w)|[\W_]+", re.IGNORECASE)
_share_alone = re.compile(
    rf"(?:\d+ )?(?:{SHARING}|facebook|twitter|linkedin|whats ?app|e-?mail|tweet|pinterest|reddit|instagram|youtube)",
    re.I,
)


def _share(line: str) -> bool:
    """ "Share on Facebook Tweet WhatsApp Email": nothing but the names of networks and what one does there."""
    if len(line) > 200 or re.search(r"[.!?]$", line):
        return False
    words = re.sub(r"[^\w\s-]", " ", line).strip()
    rest = _share_filler.sub("", _share_word.sub(" ", words))
    if rest or not words:
        return False
    found = _share_word.findall(words)
    return bool(_share_alone.match(words)) and (len(found) > 1 or len(words.split()) <= 4)


_labels = re.compile(rf"\b(?:{LABEL})(?!\w)", re.IGNORECASE)
_dates = re.compile(rf"(?<!\w){DATE}|{TIME}|\b(?:{DAY})\b", re.IGNORECASE)
_date_start = re.compile(rf"\W*(?:{LABEL}|{DATE}|{TIME}|{DAY}|{FILLER})", re.IGNORECASE)
_date_filler = re.compile(rf"#\d+\b|\b(?:{FILLER})\b|[^\w#]+|_", re.IGNORECASE)


def _nothing_but_dates(line: str) -> tuple[bool, bool]:
    """Whether a line is made of dates, times and what labels them; and whether it has such a label."""
    if len(line) > 160 or not _date_start.match(line):
        return False, False
    rest = _labels.sub(" ", line)
    bare = _dates.sub(" ", rest)
    return bare != line and not _date_filler.sub("", bare), rest != line


_labelled = re.compile(rf"(?:{LABEL})(?!\w):?(?: (?:{FILLER}))?:? (?:(?:{DAY}),? )?{DATE}", re.IGNORECASE)


def dateline(line: str) -> bool:
    """ "Published: 14 March 2024": dates and times with a label."""
    if _nothing_but_dates(line) == (True, True):
        return True
    return _labelled.match(line) is not None and len(line) <= 100 and not SENTENCE_END.search(line)


_about_article = re.compile(
    r"(?:by|von|par|por) [^\W\d_][\w.'’ -]{1,40}|(?:\d+|no) (?:comments?|kommentare?|commentaires?|comentarios?|views)",
    re.I,
)


def _line_about_article(line: str) -> bool:
    """ "November 5, 2022 / 14 comments / by Marek": date, author and the like between strokes."""
    parts = re.split(r"\s+[/|·•–—-]\s+|\t", line)
    return 2 <= len(parts) <= 6 and all(_about_article.fullmatch(part) or _nothing_but_dates(part)[0] for part in parts)


_teasers = re.compile(rf"(?P<words>{TEASER})(?!\w)\s*(?P<mark>[:»>|–—→-]+)?\s*(?P<rest>.*)$", re.IGNORECASE)


def teaser(line: str) -> bool:
    """Whether a line announces another article: the words alone, or with a headline after a colon or at once."""
    match = _teasers.match(line)
    if match is None or len(line) > 220:
        return False
    rest = match["rest"].strip()
    if not rest or rest == ":":
        return True
    headline = rest[:1].isupper() or rest[:1].isdigit() or rest[:1] in "\"'“‘«[("
    if match["mark"] and match["mark"][0] in ":»>|→":
        return headline
    return headline and not SENTENCE_END.search(rest) and "," not in rest[:12]


def opens_list(line: str) -> bool:
    """Whether headlines of other articles follow a line: "Related posts"."""
    match = _teasers.match(line)
    return (match is not None and match["rest"].strip(" :") == "") or _more_of(line)


opens_contents = _whole(r"(?:table of )?contents(?: \[hide\])?|inhalt(?:sverzeichnis)?|sommaire|índice")
_more_of = _pattern(
    r"^(?i:(?:read )?more|mehr|plus|más)(?: \w+)? (?i:in|on|from|aus|de|sur|sobre|coverage)(?: (?:[A-ZÀ-Þ0-9][\w.'’&-]*|the|of|and|The)){0,5}$",
    re.NOFLAG,
)

# Lines that nothing else can be.
_RULES: tuple[tuple[str, Test], ...] = (
    ("breadcrumb", breadcrumb),
    ("menu", _menu),
    ("share", _share),
    ("see_also", lambda line: bool(re.match(r"(?:see also|also see|see more|watch)\b", line, re.I)) and teaser(line)),
    ("read_more", lambda line: teaser(line) or _more_of(line)),
    ("dateline", dateline),
    ("byline", _line_about_article),
    (
        "byline",
        _pattern(
            rf"^(?i:words|text|story|interview|photographs|photos|pictures) by {NAME}(?: {NAME}){{1,3}}"
            rf"(?:,? (?i:words|text|photographs|photos|pictures|illustrations?) by {NAME}(?: {NAME}){{1,3}})+$",
            re.NOFLAG,
        ),
    ),
    (
        "byline",
        _pattern(
            rf"^(?:[Bb][Yy]|BY|Von|VON|Par|PAR|Por|POR|Words by|Text by|Text:|Written by|Reported by|Story by|Texte :?) {NAME}(?: {NAME}){{1,4}}"
            rf"(?:(?:,| and| und| et| y| &| \||,? aktualisiert am) [\w ,'’|&.:-]{{1,80}}(?<!\.)| ?[·|–-] .{{1,80}})?$",
            re.NOFLAG,
        ),
    ),
    ("byline", _pattern(rf"^[Bb]y {NAME} (?:[·|–-] .{{1,120}})$", re.NOFLAG)),
    ("author", _pattern(rf"^{NAME}(?: {NAME}){{1,3}} reported from [A-Z].{{1,60}}\.$", re.NOFLAG)),
    (
        "author",
        _pattern(
            r"\bcan be reached (?:at|on)\b.{0,60}@|^.{3,40} (?:is|are) an? (?:staff|senior|freelance|contributing) (?:reporter|writer|editor|correspondent)s? (?:at|for|with)\b.{0,80}$"
            r"|^(?:about the author|about me|more about me)\b.{{0,3}}$"
        ),
    ),
    (
        "advertisement",
        _whole(
            r"""\[?(?:advertisements?|sponsored(?: content| post)?|ads?|promoted|paid content|partner content)\]?
(?:skip|end of) advertisement|(?:sponsored|promoted)\s?: .{1,100}
(?:story|article|this article|this story) continues? (?:below|after).{0,40}|continue reading the main story|article continues.{0,40}
anzeige|werbung|(?:der )?artikel wird nach der werbung fortgesetzt|(?:nach|weiter nach) der (?:anzeige|werbung).{0,30}
publicité|la suite après (?:la|cette) publicité|publicidad|(?:sigue|continúa) (?:leyendo )?(?:después|tras) (?:de )?la publicidad
(?:this|some|our) (?:post|page|article|recipe)s? (?:may )?contains? (?:affiliate|amazon).{0,160}
(?:we may earn|as an amazon associate).{1,160}"""
        ),
    ),
    (
        "cookies",
        _pattern(
            r"^(?:this (?:web)?site|we(?: and our partners)?|our (?:web)?site|by (?:continuing|using|clicking)|wir (?:verwenden|nutzen|setzen)|diese (?:web)?seite"
            r"|(?:nous|ce site) utilis|(?:utilizamos|usamos|este sitio))\b.{0,160}\bcookies\b"
        ),
    ),
    (
        "cookies",
        _whole(
            r"""(?:accept|agree|reject|decline|allow)(?: all)?(?: additional| optional)?(?: cookies)?(?: and close| & close)?|reject all
cookie (?:settings|policy|preferences|notice)|manage (?:cookies|consent|preferences)|privacy (?:policy|notice)|cookies on this (?:service|site|website)
we value your privacy.{0,200}|we and our partners (?:store|use|process).{0,200}|(?:do not sell|your privacy choices|your ad choices).{0,60}
(?:alle )?akzeptieren|alle akzeptieren.{0,20}|ablehnen|(?:tout )?accepter|tout refuser|(?:aceptar|rechazar)(?: todo| todas)?(?: las cookies)?|gérer mes choix
find out more about how we use your data"""
        ),
    ),
    (
        "newsletter",
        _pattern(
            r"^(?:sign up|subscribe|get|join|receive|recevez|inscrivez|abonnez|abonnieren|suscríbete|recibe|apúntate|jeden|jetzt)\b.{0,110}"
            r"\b(?:newsletters?|inbox|postfach|boîte mail|e?mail(?:ing)? list|(?:morning |daily |weekly )?e-?mail|e-?mail updates|news alerts|press releases by e-?mail|bandeja|boletín)\b.{0,70}$"
        ),
    ),
    (
        "newsletter",
        _whole(
            r"""subscribe(?: now| today| here| by e-?mail)?!?|sign up(?: now| here)?!?|sign up or log in|sign in to \w+|log ?in|sign in|register|newsletters?|(?:your|enter your) e-?mail(?: address)?\*?
(?:subscribe|sign up) (?:for|from|to) (?:just |only )?[$£€]\d.{0,40}|subscribe to .{1,60}(?:save|only|from|for) .{0,30}\d.{0,20}
join [\d,.]+ (?:other )?(?:subscribers|readers).{0,30}|don['’]t miss (?:a|another) (?:post|story|recipe).{0,60}|(?:support|save) (?:the|this) (?:magazine|recipe).{1,100}
by (?:signing up|subscribing|clicking).{1,160}|i agree to .{1,80}|you can unsubscribe.{0,60}|unsubscribe(?: at any time)?|no spam.{0,60}
newsletter (?:abonnieren|bestellen)|jetzt abonnieren|anmelden|abonnieren|zum newsletter.{0,40}|s['’]abonner.{0,40}|s['’]inscrire.{0,40}|je m['’]abonne.{0,20}|iniciar sesión
suscríbete(?: .{0,60})?|email alerts|stay (?:connected|in touch|informed)"""
        ),
    ),
    (
        "paywall",
        _whole(
            r"""(?:already|déjà|bereits|ya eres) (?:a |an |un |ein )?(?:subscriber|member|abonnée?|abonnent|suscriptor)\b.{0,60}|(?:subscribe|register|sign in|log in) to (?:continue|keep) reading.{0,40}
(?:this (?:article|content|story) is|la suite est|article|contenu|contenido)? ?(?:for|réservée? aux|exclusiv[oa] para|only for|nur für) (?:subscribers|members|abonnés|suscriptores|abonnenten)(?: only)?
il vous reste .{1,60} à lire|offrir l['’]article|weiterlesen mit .{1,40}|\d+ free articles? (?:left|remaining).{0,40}|you have \d+ free .{1,40}|contribuer"""
        ),
    ),
    (
        "comments",
        _whole(
            r"""leave a (?:comment|reply)(?: cancel reply)?|cancel reply|(?:post|add|write|submit) (?:a )?(?:comment|reply|answer)|(?:\d[\d,.]* )?(?:view |read |show )?comments?(?: \(\d+\))?|no comments(?: yet)?
(?:view|read|show|load) (?:all |more |[\d,.]+ )?comments?.{0,20}|join the (?:conversation|discussion)|your e-?mail address will not be published\b.{0,60}|required fields are marked.{0,10}|be the first to comment.{0,20}
comments are closed|\d+ (?:thoughts?|responses?|replies|comments?) (?:on|to) .{1,160}|reader interactions|have your say|what do you think\?? ?(?:let us know.{0,40})|(?:about )?commenting|save my name.{1,100}
kommentare?(?: \(\d+\))?|\d+ kommentare?|jetzt kommentieren|kommentar (?:schreiben|verfassen|hinterlassen)|(?:deine|ihre) e-?mail-adresse wird nicht veröffentlicht.{0,80}
(?:\d+ )?commentaires?(?: \(\d+\))?|laisser un commentaire|(?:vous devez|connectez-vous).{0,40}pour (?:commenter|publier|réagir).{0,40}|réagir
(?:\d+ )?comentarios?(?: \(\d+\))?|deja un comentario|(?:para comentar|inicia sesión para comentar).{0,60}|you must (?:log ?in|be logged in|register).{0,60}"""
        ),
    ),
    (
        "copyright",
        _pattern(
            r"^(?:©|\(c\) ?(?:copyright )?(?:19|20)\d\d\b|copyright\b).{0,200}$|^.{0,120}\b(?:all rights reserved|alle rechte vorbehalten|tous droits réservés|todos los derechos reservados)\b.{0,120}$"
            r"|^.{0,80}© ?(?:copyright )?(?:19|20)\d\d.{0,120}$"
            r"|^(?:proudly )?(?:powered by|built with|theme by|hosted by|community platform by)\b.{1,120}$|^(?:text|all content|content) is available under\b.{1,160}$"
        ),
    ),
    (
        "follow",
        _pattern(
            rf"^(?:follow|like|find|join) (?:us|me|@?\w+) (?:on|at) (?:{NETWORK}|google news|social media)\b.{{0,80}}$"
            rf"|^(?:folgen? sie uns|folge uns|suivez-nous|síguenos)\b.{{0,80}}$|^(?:follow|find) us(?: here| on)?:?$|^tag @\w+ on.{{1,80}}$"
        ),
    ),
    (
        "credit",
        _pattern(
            r"^\W?(?:(?:photos?|images?|pictures?|file photo|photographs?|fotos?|bild|bilder|illustrations?|getty images|crédits?(?: photos?)?|image source|fotografía)(?: credits?| courtesy(?: of)?| by| source)?\s*[:/©,]"
            r"|(?:photos?|images?|photographs?) (?:by|courtesy of) (?-i:[A-ZÀ-Þ]))[^.!?]{1,120}\.?\W?$|^.{0,140}\bcredit\.\.\..{1,80}$|^(?:media caption|image caption|toggle caption|hide caption|enlarge this image)\b.{0,120}$"
        ),
    ),
    (
        "tags",
        _pattern(
            r"^(?:tags?|tagged(?: with| as)?|filed under|posted in|categor(?:y|ies)|hidden categories|topics?|keywords|temas?|etiquetas|schlagwörter|schlagworte|stichwörter|themen|kategorien?|mots[- ]clés|thèmes)\s?(?:[:\t]|(?<=under) )\s*\S.{0,160}$"
            r"|^(?:tagged|posted in|filed under)\b[^.!?]{1,100}\.?(?: tagged[^.!?]{1,80}\.?)?$"
        ),
    ),
    (
        "contact",
        _pattern(
            r"^(?:have|do you have|got) a (?:tip|story|question|correction)\b.{0,100}$|^[\w.+-]+@[\w-]+\.[\w.-]+$|^(?:email|e-mail|call|contact)s?:? (?:us at )?\S+@\S+$"
            r"|^(?:media|press|investors?|presse|contacts?|kontakt)(?: contacts?| relations| office|kontakt)?\s?:.{0,80}$|^(?:media|press|investor)(?: relations)? contacts?$"
            r"|^SOURCE:? [A-Z].{0,60}$|^view original content\b.{0,120}$|^(?:for immediate release|###|forward-looking statements)\W*$|^download press kit.{0,40}$"
        ),
    ),
    (
        "forum",
        _pattern(
            r"^(?:posts?|messages?|reputation|reactions(?: score)?|likes)[: ]+[\d,.]+$|^joined[: ].{4,40}$|^(?:re: .{1,80} )?post(?:ed)? by .{1,40}(?:»|on) .{4,60}$|^like(?: ?[|·])? reply(?: ?[|·])?(?: report)?$"
            r"|^(?:like|reply|report(?: abuse)?|quote|upvote|downvote|report post|top|flag)$|^(?:reactions:|thread starter|start date) .{1,80}$|^(?:\d+ posts?|page \d+) ?[•|·] ?page.{0,20}$|^page \d+ of \d+$"
            r"|^(?:asked|answered|edited|modified|viewed)\b[^.!?]{0,30}(?:\bago|\d{1,2}:\d{2}|times)$|^(?:asked|answered) by .{1,60}\bago$|^.{1,30} answered .{1,20} ago$|^(?:\d+ )?(?:answers?|best answer|accepted answer|your answer|post answer|post reply)$"
            r"|^sort(?:ed)? by\b.{0,60}$|^[\d,.]+k? (?:views|votes|upvotes)$|^.{1,30}\b\d+ (?:gold|silver|bronze) badges?.{0,40}$|^return to [“\"].{1,60}$|^users browsing\b.{1,80}$|^who is online$|^display posts\b.{1,100}$"
            r"|^it is currently .{3,30}\d\d:?\d\d.{0,6}$|^.{1,40} said:? ?(?:↑|click to expand.*)$|^[\d,.]+ posts? •.{1,30}$|^(?:add a comment|ask question|sign in to ask)\W*$|^share improve this (?:question|answer).{0,20}$"
        ),
    ),
    (
        "feedback",
        _whole(
            r"""(?:was|is) this (?:page|article|answer|post)? ?(?:helpful|useful)\??.{0,60}|(?:yes\s+no|maybe\s+yes).{0,80}|report (?:a problem|an error|a typo|a correction).{0,40}|did you make this recipe\?.{0,40}
[★☆⭐]{3,}.{0,60}|\d\.\d from [\d,.]+ (?:votes|ratings|reviews)|us customary\s+metric|(?:\d+x ?){2,}|\d+ bewertungen|rate this (?:article|recipe).{0,30}"""
        ),
    ),
    (
        "navigation",
        _whole(
            r"""(?:skip|jump) to (?:the )?(?:main )?(?:content|navigation|search|recipe|footer)(?: jump to .{1,20})?|back to (?:top|all news|.{2,20})|click here.{0,60}|tap here.{0,60}|toggle navigation|(?:load|show|see|view) (?:more|all|older|less|full).{0,30}
menu|search|sections|site index|site (?:information )?navigation|main page.{0,40}|home|next|previous|prev|older posts?|newer posts?|(?:next|previous) (?:page|poem|entry)|primary sidebar|table of contents(?: \[hide\])?|contents|edit on github|\[edit\]|copy
advertise with us|terms (?:of (?:use|service)|and conditions)|contact us|about us|about sharing|find us here|\d+ ?min(?:ute)?s? read|listen to this article\b.{0,40}|listen to (?:this )?(?:story|episode).{0,30}|view comments
order reprints.{0,60}|a version of this article appears in print\b.{0,260}|this (?:page|article) was (?:last edited|printed|originally published)\b.{1,100}|an official website of\b.{1,100}|here['’]s how you know
edited by .{3,60}|live reporting(?: by .{1,60})?|live(?: updates)?|breaking(?: news)?|image|play video|print this page|e-?mail this page(?:\s+print this page)?|text size.{0,20}|font size.{0,20}|start now|download pdf|pdf version
zum inhalt(?: springen)?|zum rezept springen|nach oben|zur startseite|aller au contenu|haut de page|retour en haut|ir al contenido|volver arriba|video\s?: .{1,100}|vídeo\s?: .{1,100}
loading|like loading|please (?:wait|enable javascript).{0,60}|javascript is disabled.{0,80}|this article needs additional citations.{0,160}|from \w+pedia.{0,60}|temas relacionados
this (?:interview|conversation|transcript) (?:has been|was) .{0,40}(?:edited|condensed).{0,60}|inhalt|inhaltsverzeichnis|sommaire
(?:copy|share|about) this link|about this (?:story|article)|save for later|site information|quote|reservé|connexion|se connecter|merkliste|buy me a coffee.{0,20}"""
        ),
    ),
)
# Furniture only where there is more of it at hand.
_HINTS: tuple[tuple[str, Test], ...] = (
    ("dateline", lambda line: _nothing_but_dates(line)[0]),
    ("menu", lambda line: in_menu(line)),
    ("byline", _pattern(r"^(?:from our .{4,60}|from the section .{2,30})$")),
    (
        "byline",
        _pattern(
            r"^(?:from )?(?:[\w'’-]+ ){0,4}(?:reporter|writer|correspondent|editor|journalist|redaktion|redacción|rédaction|contributor|admin)$"
        ),
    ),
    ("navigation", _pattern(r"^[«‹←<] ?[^»]{1,100}[^.!?,»]$|^[^«.!?]{1,100}[^.!?,] ?[»›→>]$")),
    (
        "forum",
        _pattern(
            r"^(?:\d[\d,]*(?:\.\d)?k?|location: .{1,40}|(?:senior |junior |new |well-known |active )?member|site admin|moderator)$"
        ),
    ),
    ("contact", _pattern(r"^\+?[\d\s()-]{7,20}$|^[^.!?]{0,60}\S+@\S+$|^(?:www\.|https?://)\S+$")),
)


@lru_cache(_REMEMBERED)
def rule_of(line: str) -> str | None:
    """Return the name of the rule that finds a line to be furniture wherever it stands, None where none does."""
    # Wide gaps, tabs here, are what a menu is told by; to all others they are spaces.
    plain = line.replace("\t", " ")
    return next((name for name, test in _RULES if test(line if name == "menu" else plain)), None)


@lru_cache(_REMEMBERED)
def hint_of(line: str) -> str | None:
    """Return the name of the rule that finds a line to be furniture among furniture, None where none does."""
    plain = line.replace("\t", " ")
    return next((name for name, test in _HINTS if test(plain)), None)
