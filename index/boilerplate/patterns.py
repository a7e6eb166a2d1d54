"""The words that page furniture is told by, as parts of patterns: English, German, French and Spanish."""

MONTH = (
    r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|mär|mai|okt|dez|janv|févr|mars|avr|juin|juil|août|déc|ene|abr|ago|dic)"
    r"[a-zéäû]{0,7}\.?"
)
DATE = (
    r"(?:\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}\S*)?|\d{1,2}[./]\d{1,2}[./]\d{2,4}"
    rf"|{MONTH} \d{{1,2}}(?:st|nd|rd|th)?,? \d{{4}}|\d{{1,2}}\.? (?:de )?{MONTH},? (?:de )?\d{{4}}"
    rf"|{MONTH} \d{{4}}|{MONTH} \d{{1,2}}\b|\d{{1,2}}\.? {MONTH}(?!\w))"
)
TIME = r"\b\d{1,2}(?:[:.]\d{2}(?::\d{2})?|\s?h\s?\d{2})\s?(?:[ap]\.?m\b\.?|uhr\b|h\b|[A-Z]{2,4}\b)?|\b\d{1,2} ?[ap]\.?m\b\.?"
DAY = (
    r"(?:mon|tues?|wednes|thurs?|fri|satur|sun)(?:day)?|(?:wed|thu|sat)|montag|dienstag|mittwoch|donnerstag|freitag|samstag"
    r"|sonntag|lundi|mardi|mercredi|jeudi|vendredi|samedi|dimanche|lunes|martes|miércoles|jueves|viernes|sábado|domingo"
)
# What surrounds a date that is no sentence.
LABEL = (
    r"(?:first |last )?(?:published|posted|updated|modified|reviewed|edited|created)|date|stand|aktualisiert|veröffentlicht|erstellt"
    r"|publiée?|mise? à jour|modifiée?|actualizad[oa]|publicad[oa]|\d+ ?(?:min\.?|minutes?|minuten|mins?)(?: (?:read|lesezeit))?"
    r"|lesezeit|temps de lecture|tiempo de lectura|(?:\d+|an|a) (?:second|minute|hour|day|week|month|year)s? ago"
)
FILLER = r"on|at|am|um|le|à|el|a las|las|de|du|uhr|h|ist|by|in"
NETWORK = (
    r"facebook|twitter|tweet|x|linkedin|whats ?app|telegram|reddit|pinterest|pin(?: it)?|e-?mail|messenger|instagram|youtube"
    r"|threads|bluesky|mastodon|tiktok|vk|pocket|flipboard|sms|rss|nextdoor|tumblr|xing|signal|yum|yummly|hacker news"
)
SHARING = (
    r"share(?: full)?|shares|print(?:er)?(?: friendly)?|drucken|imprimer|imprimir|copy|copy link|link|save|bookmark|merken|teilen|speichern"
    r"|partager|enregistrer|compartir|guardar|copiar enlace|enviar por correo|envoyer|correo|per mail|click to|opens in(?: a)? new window"
    r"|listen|gift|give|like|favou?rite|tweet this|jump to recipe|print recipe"
)
SHARE_FILLER = r"this|article|artikel|story|page|post|release|image|recipe|full|on|via|to|with|by|in|and|or|für|auf|sur|par|en|por|et|y|\d+|more|mehr|plus|más|for later|cet|este|artículo"
# A headline follows these, after a colon or at once.
TEASER = (
    r"see also|also see|see more(?: on)?|watch also|watch|read also|also read|read more(?: about| on)?|read(?= ?:)|more on this(?: story)?"
    r"|related(?: (?:story|stories|articles?|news|posts?|coverage|reading|links?|content|topics?|press releases))?"
    r"|recommended(?: for you| reading| stories)?|don['’]t miss|up next|read next|you (?:may|might) also (?:like|enjoy|be interested in)"
    r"|trending(?: now| in [^.:]{2,30})?|most (?:read|popular|viewed|shared)|editors?['’]?s?['’]? (?:picks?|choice)|(?:next|previous) (?:article|post|story)"
    r"|keep reading|continue reading|hot network questions|similar (?:threads|questions|articles|stories)|elsewhere on the site|around the (?:site|web)"
    r"|top stories|more stories|more news|latest (?:news|stories|posts|articles)|recent (?:posts|articles|comments)|popular (?:posts|now|articles)"
    r"|lesen sie (?:auch|dazu|hier|mehr)(?: auch)?(?: hier)?|lies auch|mehr (?:dazu|zum thema)|auch interessant|das könnte (?:sie|dich|ihnen|dir) auch (?:interessieren|gefallen|schmecken)"
    r"|weitere (?:artikel|themen|meldungen|nachrichten)|meistgelesen|die meistgelesenen|beliebt|passend dazu"
    r"|(?:à )?lire (?:aussi|également|la suite)|à voir aussi|voir aussi|sur le même (?:sujet|thème)|les plus lus|plus d['’]articles|articles (?:liés|similaires)"
    r"|lee(?:r)? (?:también|más)|te puede interesar|le puede interesar|(?:noticias|artículos) relacionad[ao]s|lo más (?:leído|visto)|más (?:noticias|información)|ver también|también te puede interesar"
)
# Menus are made of these.
MENU = (
    r"home(?:page)?|news|world|u\.?s\.?|uk|sports?|business|opinion|arts?|culture|life|politics|weather|video|videos|contact(?: us)?|about(?: us)?"
    r"|log ?in|sign ?in|sign ?up|register|subscribe|menu|search|faq|help|help ?centre|terms(?: of (?:use|service)| and conditions|)|terms & conditions"
    r"|privacy(?: policy| notice)?|cookies?(?: policy| preferences| settings)?|accessibility(?: help| statement)?|advertise(?: with us)?|careers|jobs|archive|rss|site ?map|newsroom|donate|shop"
    r"|podcasts?|magazine|games|fixtures(?: & results)?|disclaimers?|guidelines|modern slavery statement|live|forums|members|tags|questions|users"
    r"|startseite|politik|wirtschaft|sport|kultur|lokales|abo|anmelden|registrieren|impressum|datenschutz(?:erklärung)?|agb|kontakt|mediadaten|suche|rezepte|hilfe"
    r"|accueil|politique(?: de confidentialité)?|économie|culture|sports|s['’]abonner|je m['’]abonne|abonnez-vous|connexion|mentions légales|cgu|cgv|gérer les cookies|gestion des cookies|nous contacter|contact|plan du site"
    r"|inicio|portada|local|economía|deportes|opinión|cultura|suscríbete|iniciar sesión|aviso legal|política de (?:privacidad|cookies)|contacto|publicidad|quiénes somos"
)
HOME = (
    r"home(?:page)?|startseite|accueil|inicio|portada|board index|docs|forums?|you are here|sie sind hier|vous êtes ici"
)
NAME = r"[^\W\d_a-zß-öø-ÿ][\w.'’-]*(?: (?:de|von|van|der|la|le|du|del|den|bin|al|el|di|da)\b)*"
