"""The small words of languages: they say which language a text is in, and nothing of what it is about.

They also say what a query is not about: with OR they would only make every passage a match.  English's are those that
ranking and confidence were fitted with.  Words are in lower case, as a text has them.
"""

FUNCTION_WORDS: dict[str, frozenset[str]] = {
    language: frozenset(listed.split())
    for language, listed in {
        "en": """a about an and any are as at be been being by can could did do does doing for from had has have
        having he her hers him his how i if in into is it its me my of on or our s she should so some such t than that
        the their theirs them then there these they this those to was we were what when where which while who whom
        whose why will with would you your""",
        "de": """aber als am an auch auf aus bei beim bin bis dadurch damit dann das dass dem den denn der des die
        dies diese diesem diesen dieser dieses doch dort durch ein eine einem einen einer eines er es etwa für gab
        gibt hat hatte hatten haben ihr ihre ihrem ihren ihrer im in ins ist ja kann kein keine können man mehr mit
        muss nach nicht noch nur ob oder ohne schon sehr sein seine seinem seinen seiner seit sich sie sind so über um
        und uns unter vom von vor war waren wann warum was welche welchem welchen welcher welches wem wen wenn wer
        werden wessen wie wieviel wir wird wo woher wohin womit wurde wurden zu zum zur zwischen""",
        "fr": """à au aussi aux avait avec c ce cela celle celui ces cet cette combien comme comment d dans de depuis
        des donc dont du elle elles en entre est et était étaient été eu eux fut furent il ils j je jusqu l la
        laquelle le lequel les leur leurs lors mais même n ne ni non nous on ont ou où par pas pendant peu plus pour
        pourquoi qu quand que quel quelle quelles quels qui quoi s sa sans se ses si son sont sous sur t tous tout
        toute un une vers vous y""",
        "es": """a adónde ahora al aunque como cómo con cuál cuáles cuándo cuánta cuántas cuánto cuántos cuando de del
        desde donde dónde durante e el él ella ellas ellos en entre era eran es esa ese eso esta está están este esto
        estos estas fue fueron fuera ha había han hasta hay la las le les lo los más mientras muy ni no nos o para
        pero por porque que qué quién quiénes quien se según ser si sí sin sobre son su sus también tan tiene tras
        tuvo un una unas uno unos y ya""",
        "it": """a agli ai al alla alle allo anche c che chi ci come con cosa cui d da dagli dai dal dalla dalle dallo
        degli dei del dell della delle dello di dopo dove dov durante e è ed era erano essere fra fu furono gli ha
        hanno i il in l la le lo loro ma mentre nei nel nell nella nelle nello negli non nostro o ogni per perché più
        prima quale quali quando quanta quante quanti quanto quella quelle quello questa queste questi questo se senza
        si sia sono sta stato stata su sua sue sugli sui sul sull sulla sulle suo tra tutti tutto un una uno""",
        "pt": """a à ao aos aonde aquela aquele as às até com como cada da das de dela dele depois desde do dos
        durante e é ela elas ele eles em entre era eram essa esse esta está este foi foram há isso isto já la lhe mais
        mas mesmo muito na nas não nem no nos nossa num numa o onde os ou para pela pelas pelo pelos perante por
        porque qual quais quando quanta quantas quanto quantos que quê quem se sem ser seu seus sobre são só sua suas
        também tem têm teve tinha um uma uns""",
        "ru": """без бы был была были было быть в вам вас весь во вот все всего всех вы где да даже для до его ее её
        если есть еще ещё же за здесь и из или им их к как какая какие какой какую какова каков ко когда который
        которая которые которых кто куда ли либо между мы на над нам нас не него нее неё нет ни них но о об однако он
        она они оно от откуда очень по под после потому почему при про с сколько со так также там те тем то того тоже
        той только том ты у уже хотя чего чем чему через что чтобы чья чьи эта эти это этого этой этом этот я""",
        "uk": """а або адже але без би був була були було бути в вам вас весь ви від відколи він вона вони воно все
        всі вже де для до досі дуже є з за зі звідки й його їх її їхня їхній ж же і із із-за їм йому коли котрий куди
        кого ким кому ли між ми на над нам нас не ні них о об однак по понад при про разом с серед скільки та так
        також там те ти тільки то тобто того той тому у хто хоча це цей цього цієї цій ця чи чий чого чому чому через
        ще що щоб щодо я як яка яке який які яку яких якої""",
        "ar": """إلى أن إن أو أي أيضا أيضًا أين إذا بعد بين تلك ثم حتى حول حيث ذلك عن على عند في فيها فيه قبل قد كان
        كانت كل كم كما كيف لا لم لماذا لكن له لها ليس ما ماذا متى مع من منذ منها منه هذا هذه هل هم هما هو هي هناك و
        ولا وما يا""",
        "hi": """अपना अपनी अपने अब आप इन इस इसका इसकी इसके इसे उन उनका उनकी उनके उन्हें उन्होंने उस उसका उसकी उसके
        उसने उसे एक एवं और कब कर करता करते करना कहाँ कहां का कि कितना कितनी कितने किन किस किसका किसके किसने किसी की
        कुछ के को कोई कौन कौन-सा कौन-सी क्या क्यों गई गए गया जब जहाँ जा जाता जाती जाते जो तक तथा तो था थी थीं थे दिया
        दी ने नहीं पर फिर बहुत भी मगर मुझे में मैं यदि यह यहाँ या ये रहा रही रहे लिए ले वह वहाँ वाला वाली वाले वे सब
        साथ से हम ही हुआ हुई हुए हूँ है हैं हो होता होती होते""",
    }.items()
}
