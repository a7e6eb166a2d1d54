"""Abbreviations after which a full stop does not end a sentence, by language.

nupunkt knows those of English.  Words are in lower case and without their last full stop; single letters, and words
that hold a full stop ("z.B."), need not be listed.
"""


def _set(listed: str) -> frozenset[str]:
    return frozenset(listed.split())


# An abbreviation that a name, a number or the thing itself always follows.
ABBREVIATIONS: dict[str, frozenset[str]] = {
    language: _set(listed)
    for language, listed in {
        "de": """med jur theol abb abs abschn abt allg anm art aufl bd bde bearb begr bes bez bspw bzgl bzw ca chr co
        const dergl dgl dipl dr ebd ed eigtl einschl engl entspr erg evtl exkl fa forts fr frl frz geb gegr gem ges
        gest gez ggf ggfs griech hd hg hl hr hrn hrsg ing inkl insb insbes internat jährl kath kap kgl korr lat lfd lt
        ltd mag max mind min mio mrd mschr mtl möbl nachf nr nrn österr phil pos prof rd red ref rel resp rev röm sog
        spez st staatl std stellv str schr tel tsd tägl u unbek urspr verf verh verl versch vgl verst vol vorm wwe
        zool zus zzgl zt jan feb mär apr jun jul aug sep sept okt nov dez mo di mi do fr sa so""",
        "fr": """pr adj adm anc ann app apr art av bd boul bull cap capt cf ch chap cie col coll comm conf cté dép dr
        éd édit env étym ex exempl fasc fig fr gal gén gouv hab hon ibid ill intr inv jr lt livr loc math max me mél
        mgr min mlle mlles mm mme mmes mr ms mss nat no nos not op orig par part ph pl pp préf prés prof pub qqn qqch
        rééd réf rem resp rev s sc sec sect sept sess st ste suiv suppl syn tél théol tit trad univ var vol vve janv
        févr avr juil oct nov déc""",
        "es": """ee adj adm admón afmo apdo aprox art arts av avda bco bibl blvr cap caps cía cf cfr col com comp cte
        ctra dcho depto desc dir dn dña doc dr dra dras dres ed edit ej entlo esc etim exc excmo excma fam fasc fdo
        fig fil fr fund gob gral hno hnos ibid íd ilmo ilma impr inc incl ing izq izqdo lám lib lic lit ltda máx mín
        mons mr ms mtro nac ntra núm núms obs op pág págs párr pl plza pref prof profa profs prov pte pto pts pza rda
        reg rep rev rte rvdo sec ss sdad sgte sig sr sra sras sres srta srtas ss st sta sto supl tel tte trad ud uds
        univ ult v vda vol vols ene feb abr ago sept oct nov dic""",
        "it": """abbr agg al all amm app appr art artt arch att avv bibl ca cap capp cav cc cf cfr cit co col coll com
        comm cons cost cpv croc dir dis disp dott dottssa dr ed ecc egr es fasc fig figg fil fr gen geom giov id ing
        intr lat lett lib ling lit mar mat max min mons ms mss mus neg nob nr num on op pag pagg par pp pref prof
        profssa prov pt rag rev rif sec secc seg sen sett sig sigg sigra sigre spett st succ suppl tab tel temp tip
        tit trad univ v vd ven vol voll genn febb apr lugl ago sett ott nov dic""",
        "pt": """adj adm aprox art arts av bibl cap caps cf cfr cia cit col com comp cód dep dept depto des dir doc dr
        dra dras drs ed ex exa excia exmo exma eng esc est etim fasc fem fig fl fls fr gal gen gov hab ibid id il ilmo
        ilma inc inf jr lab lat lib lic ltda máx min mín mons mr ms nac neg num núm obs op pág págs par pe pl pp pref
        pres prof profa prov rem rep res rev rod sec séc sécs seg sr sra sras srs srta sta sto sup tel ten tit trad
        univ v vol vols jan fev mar abr mai jun jul ago set out nov dez""",
        "ru": """ген абз авг авт адм акад англ апр арх архит вып гг гл глав гос гр гражд губ деп дек деп дер дол доп
        доц евр ж зав зам знач изд им ил илл ин инст ист итал кав канд кв кг кн кол комн коп корп корр кт лат лет м
        мин мл млн млрд мн муз муж наб напр нар науч нац нач нем неизв ноя обл обр общ оз ок окт ориг осн отв отд отеч
        офиц пер перен пл пос пост поч пр прав прил прим прибл пров проф проч псевд пт ред рег рис род рожд рос рус сб
        св сев сент след см сов совр сокр соч спец сост ср стр ст сут сущ табл такж тел тов тр тт туп ул ум упр устар
        фак фам февр фиг физ филос фр франц хим худ хут ч чел чл шт экз эт юж янв яп руб""",
        "uk": """ген авт адм акад англ арк арх ауд бл буд бул вид вип віл вул вч гал гр гол грн губ див дис діал доп
        доц ел заг зам зав зб зв знач зокр ім ін інж іст італ кап кв кіл кн коп корп кр лат літ млн млрд муз наб напр
        нар наук нац невід нім обл обр одн оз осн офіц пер пл пор поч пп пр прибл прим прис пров просп проф псевд ред
        реж рис рос св сер січ скор слов соц спец ст стор стр ст сучас табл тис тел тзв тов тт укр ум упоряд фам фіг
        філ франц хв худ цит чл шт юр яз""",
        "ar": "د م أ ا ص ج ط ت ه ق ع ب س ش ك ل ن و ف ح خ ر ز ي أد أم ب.م ق.م",
        "hi": "डॉ डा पं प्रो श्री सु कु ले कर्नल मे जन कि मी सं पृ ई वि सि एड इंजी स्व चौ ठा एम बी ए के आर एस पी टी",
    }.items()
}
# After these a sentence goes on, unless the next word begins with a capital letter.
CLOSING: frozenset[str] = _set(
    """usw usf etc ecc co cie cia cía inc ltd corp bros km kg cm ha jh jhd jhdt uhr пр др г гг в вв р рр ст ч с кг км м
    см руб коп грн млн млрд тис д т п н э хв год a m"""
)
# In German a number with a full stop is "third" rather than "three" after these.
BEFORE_ORDINAL: frozenset[str] = _set(
    """am im vom zum beim ab bis der die das dem den des dieser diese dieses diesem diesen jeder jede jedes jedem jeden
    ein eine einem einen einer eines sein seine seinem seinen seiner ihr ihre ihrem ihren ihrer und oder zur aus
    seit mit in nach vor zwischen"""
)
AFTER_ORDINAL: frozenset[str] = _set(
    """januar jänner februar märz april mai juni juli august september oktober november dezember jahrhundert
    jahrhunderts jahrtausend jh auflage jahrestag geburtstag platz rang bezirk armee weltkrieg"""
)
